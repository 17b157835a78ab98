#include "kernels/conv2d/conv2d_launch.h"
#include "kernels/conv2d/conv2d_mma.h"
#include "kernels/conv2d/conv2d_sm90.h"

namespace purnet::conv2d {
namespace implicit {

// Bf16 in and out: tensor cores where the channels are multiples of 8, those of sm_90a where device and problem are made for them;
// the ordinary cores elsewhere (the stem, heads of one channel).
template <>
struct Method<bf16> {
    template <class Product>
    static void launch(const Problem& p, Pass pass, const Way& way, const Product& product, int chunk, void* workspace,
                       cudaStream_t stream) {
        if (chunk < 8) {
            const Grid grid = way.groups || way.tile != TileSize{} ? grid_of(p, pass) : way.grid;
            launch_product(tile_kernel<1, Product>, product, grid, float_threads, 0, workspace, stream);
        } else if (way.groups) {
            sm90::launch(p, {way.groups, way.tile.columns, way.grid}, product, workspace, stream);
        } else if (way.tile.columns == 128) {
            launch_mma<MmaTile<128, 128>>(product, way.grid, workspace, stream);
        } else if (way.tile.rows == 128) {
            launch_mma<MmaTile<128, 64>>(product, way.grid, workspace, stream);
        } else {
            launch_mma<MmaTile<64, 64>>(product, way.grid, workspace, stream);
        }
    }
    static std::vector<Way> ways(const Problem& p, Pass pass) {
        std::vector<Way> list;
        const bool aligned = (pass == Pass::backward_weights ? chunk_of(p.c / p.groups, p.o / p.groups) : chunk_of(p, pass)) == 8;
        if (!aligned) {
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
        for (const TileSize tile : tiles_in_turn(p, pass, {{128, 128}, {128, 64}, {64, 64}}))
            add_ways(list, "mma", tile, grid_of(p, pass, tile));
        return list;
    }

private:
    template <class Tile, class Product>
    static void launch_mma(const Product& product, const Grid& grid, void* workspace, cudaStream_t stream) {
        launch_product(mma_kernel<Product, Tile>, product, grid, Tile::threads, Tile::shared, workspace, stream);
    }
};

template size_t workspace<bf16>(const Problem&, Pass, const Way*);
template std::vector<Way> ways<bf16>(const Problem&, Pass);
template Way way_of<bf16>(const Problem&, Pass, bool);
template void forward(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, void*, const Context&, const Way*);
template void backward_data(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, void*, const Context&,
                            const Way*);
template void backward_weights(const Problem&, const bf16*, const bf16*, float*, float*, void*, const Context&, const Way*);

}  // namespace implicit

namespace {
const bool registered = [] {
    table().add({DeviceType::cuda, DType::bf16}, implicit::kernels_of<bf16>());
    return true;
}();
}  // namespace

}  // namespace purnet::conv2d
