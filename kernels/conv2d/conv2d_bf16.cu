#include "kernels/conv2d/conv2d_launch.h"
#include "kernels/conv2d/conv2d_mma.h"
#include "kernels/conv2d/conv2d_run_products.h"
#include "kernels/conv2d/conv2d_sm90.h"

namespace purnet::conv2d {
namespace implicit {

// Bf16 in and out: tensor cores where the channels are multiples of 8, those of sm_90a where device and problem are made for them, and
// where a row of taps makes a run (the stem) or only dy does not come in eights (a head); the ordinary cores elsewhere.
template <>
struct Method<bf16> {
    template <class Product>
    static void launch(const Problem& p, Pass pass, const Way& way, const Product& product, int chunk, void* workspace,
                       cudaStream_t stream) {
        if (chunk < 8) {
            if (launch_narrow(p, pass, way, product, workspace, stream)) return;
            const bool own = !way.groups && way.tile == TileSize{} && !takes_runs(p, pass);
            launch_product(tile_kernel<1, Product>, product, own ? way.grid : grid_of(p, pass), float_threads, 0, workspace, stream);
        } else if (way.groups) {
            sm90::launch(p, {way.groups, way.tile.columns, way.grid}, product, workspace, stream);
        } else {
            launch_mma(way, product, workspace, stream);
        }
    }
    static std::vector<Way> ways(const Problem& p, Pass pass) {
        std::vector<Way> list;
        if (takes_runs(p, pass)) {
            for (const TileSize tile : run_tiles(p, pass)) add_ways(list, "runs", tile, runs_grid(p, pass, tile));
            return list;
        }
        if (!in_vectors(p, pass, 8) && !takes_narrow_dy(p, pass)) {
            add_ways(list, "tiles", {}, grid_of(p, pass));
            return list;
        }
        if (sm90::fits(p, pass) && sm90::device_can()) {
            const auto add = [&](const sm90::Plan& plan, int parts) {
                const Grid cut = plan.grid.in_parts(parts);
                list.push_back({plan.groups,
                                {64 * plan.groups, plan.columns},
                                cut,
                                concat("wgmma ", 64 * plan.groups, "x", plan.columns, cut.parts())});
            };
            const sm90::Plan estimate = sm90::plan_of(p, pass);
            add(estimate, estimate.grid.splits);
            for (const sm90::Plan& plan : sm90::plans(p, pass))
                for (const int splits : plan.grid.parts_to_try())
                    if (plan.groups != estimate.groups || plan.columns != estimate.columns || splits != estimate.grid.splits)
                        add(plan, splits);
        }
        for (const TileSize tile : mma_tiles(p, pass)) add_ways(list, "mma", tile, grid_of(p, pass, tile));
        return list;
    }

private:
    template <class Product>
    static void launch_mma(const Way& way, const Product& product, void* workspace, cudaStream_t stream) {
        const auto launch_tile = [&]<class Tile>(Tile) {
            launch_product(mma_kernel<Product, Tile>, product, way.grid, Tile::threads, Tile::shared, workspace, stream);
        };
        if (way.tile.columns == 128)
            launch_tile(MmaTile<128, 128>{});
        else if (way.tile.rows == 128)
            launch_tile(MmaTile<128, 64>{});
        else
            launch_tile(MmaTile<64, 64>{});
    }

    static bool in_pairs(const bf16* elements) { return reinterpret_cast<uintptr_t>(elements) % 4 == 0; }
    // Products whose operands come in chunks of less than eight. False: not launched, since the problem or where its operands lie is not
    // made for it.
    template <class Product>
    static bool launch_narrow(const Problem& p, Pass pass, const Way& way, const Product& product, void* workspace, cudaStream_t stream) {
        const bool runs = takes_runs(p, pass);
        if constexpr (std::is_same_v<Product, Correlation<bf16, true>>) {
            if (!runs || !in_pairs(product.source)) return false;
            launch_mma(way, RunCorrelation<bf16>{product, runs_of(p)}, workspace, stream);
            return true;
        } else if constexpr (std::is_same_v<Product, WeightGradient<bf16>>) {
            if (runs && in_pairs(product.x) && tile::aligned_16(product.dy))
                launch_mma(way, RunWeightGradient<bf16>{product, runs_of(p)}, workspace, stream);
            else if (takes_narrow_dy(p, pass) && tile::aligned_16(product.x))
                launch_mma(way, NarrowWeightGradient<bf16>{product}, workspace, stream);
            else
                return false;
            return true;
        }
        return false;
    }
};

template size_t workspace<bf16>(const Problem&, Pass, const Way*);
template std::vector<Way> ways<bf16>(const Problem&, Pass);
template Way way_of<bf16>(const Problem&, Pass, bool);
template void forward(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, void*, const Context&, const Way*);
template void backward_data(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, void*, const Context&,
                            const Way*);
template Way way_of_merged<bf16>(const Problem&, Pass, int);
template void convolve_merged(const Problem&, Pass, std::span<const Member<bf16>>, void*, const Context&, const Way&);
template void backward_weights(const Problem&, const bf16*, const bf16*, float*, float*, void*, const Context&, const Way*);

}  // namespace implicit

namespace {
const bool registered = [] {
    table().add({DeviceType::cuda, DType::bf16}, implicit::kernels_of<bf16>());
    return true;
}();
}  // namespace

}  // namespace purnet::conv2d
