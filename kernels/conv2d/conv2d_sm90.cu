#include "kernels/conv2d/conv2d_sm90.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>

#include "kernels/conv2d/conv2d_wgmma.h"
#include "kernels/tile/tensor_map.h"

namespace purnet::conv2d::implicit::sm90 {
namespace {

// What the pixels that the taps move over are, as the copy engine is told.
tile::PixelGrid pixels_of(const Problem& p, Pass pass) {
    if (pass != Pass::backward_data) return {p.n, p.h, p.w, p.c, p.out_h(), p.out_w(), p.stride, -p.pads.top, -p.pads.left};
    const auto first = [&](int pad, int64_t kernel) { return static_cast<int>(pad - (kernel - 1) * p.dilation); };
    return {p.n, p.out_h(), p.out_w(), p.o, p.h, p.w, 1, first(p.pads.top, p.kh), first(p.pads.left, p.kw)};
}

int64_t tiles_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }
int64_t summed(const Problem& p, Pass pass) { return pass == Pass::forward ? p.c : p.o; }   // channels, under each tap
int64_t written(const Problem& p, Pass pass) { return pass == Pass::forward ? p.o : p.c; }  // channels; of a weight gradient under each tap

int64_t rows_of(const Problem& p, Pass pass) {
    return pass == Pass::forward ? p.n * p.out_h() * p.out_w() : pass == Pass::backward_data ? p.n * p.h * p.w : p.o;
}
int64_t steps_of(const Problem& p, Pass pass) {
    if (pass == Pass::backward_weights) return tiles_of(p.n * p.out_h() * p.out_w(), 64);
    return p.kh * p.kw * tiles_of(summed(p, pass), tile::map_row);
}

struct TileRow {
    int groups, columns;
};
constexpr TileRow tiles[] = {{2, 128}, {2, 64}, {1, 64}};

struct Operands {
    CUtensorMap pixels, box;
    int chunks;
};

template <class Tile, bool Forward>
Operands operands_of(const Problem& p, const Correlation<bf16, Forward>& product) {
    constexpr Pass pass = Forward ? Pass::forward : Pass::backward_data;
    return {tile::pixel_map(product.source, pixels_of(p, pass), Tile::rows),
            tile::box_map(product.weight, {p.c, p.kh * p.kw, p.o}, {tile::map_row, 1, Forward ? Tile::columns : 64}),
            static_cast<int>(tiles_of(summed(p, pass), tile::map_row))};
}
template <class Tile>
Operands operands_of(const Problem& p, const WeightGradient<bf16>& product) {
    return {tile::pixel_map(product.x, pixels_of(p, Pass::backward_weights), 64),
            tile::box_map(product.dy, {p.o, p.n * p.out_h() * p.out_w()}, {tile::map_row, 64}),
            static_cast<int>(tiles_of(p.c, Tile::columns))};
}

template <bool Forward>
constexpr Pass pass_of(const Correlation<bf16, Forward>&) {
    return Forward ? Pass::forward : Pass::backward_data;
}
constexpr Pass pass_of(const WeightGradient<bf16>&) { return Pass::backward_weights; }

template <class Product, class Tile>
void launch_tile(const Problem& p, const Product& product, const Grid& grid, void* workspace, cudaStream_t stream) {
    const Operands operands = operands_of<Tile>(p, product);
    const WgmmaSteps steps{static_cast<int>(p.kw), operands.chunks, p.dilation, static_cast<int>(steps_of(p, pass_of(product)))};
    require(grid.column_tiles <= 65535, "conv2d: ", grid.column_tiles, " tiles of columns are more than a grid holds");
    const dim3 blocks(static_cast<unsigned>(grid.row_tiles), static_cast<unsigned>(grid.column_tiles), static_cast<unsigned>(grid.splits));
    unsigned* counter = grid.splits > 1 ? cuda::counters(static_cast<int>(grid.tiles())) : nullptr;
    cuda::launch_early(wgmma_kernel<Product, Tile>, blocks, Tile::threads, Tile::shared, stream, operands.pixels, operands.box, product,
                       steps, grid.splits, static_cast<float*>(workspace), counter);
}

}  // namespace

bool fits(const Problem& p, Pass pass) {
    if (p.groups != 1 || (pass == Pass::backward_data && p.stride != 1)) return false;
    if (p.c % 8 || summed(p, pass) % 8 || summed(p, pass) < 32) return false;
    if (pass == Pass::backward_weights && p.c < 32) return false;
    return tile::fits_pixel_map(pixels_of(p, pass), (p.kh - 1) * p.dilation, (p.kw - 1) * p.dilation);
}

Plan plan_with(const Problem& p, Pass pass, int groups, int columns) {
    const int64_t taps = pass == Pass::backward_weights ? p.kh * p.kw : 1;
    Plan plan{groups, columns, {tiles_of(rows_of(p, pass), 64 * groups), taps * tiles_of(written(p, pass), columns), 1}};
    plan.grid.elements = 64 * groups * columns;
    // Two blocks for each of 132 multiprocessors; a part of a sum has at least four steps.
    const int64_t wanted = 264 / plan.grid.tiles(), steps = steps_of(p, pass);
    plan.grid.splits = static_cast<int>(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(steps / 4, 1)));
    plan.grid.most_splits = static_cast<int>(std::clamp<int64_t>(steps / 2, plan.grid.splits, 64));
    return plan;
}

std::vector<Plan> plans(const Problem& p, Pass pass) {
    std::vector<Plan> list;
    for (const TileRow& tile : tiles)
        if ((tile.columns <= 64 || written(p, pass) > 64) && (tile.groups == 1 || rows_of(p, pass) > 64))
            list.push_back(plan_with(p, pass, tile.groups, tile.columns));
    return list;
}

// The first tile of which every multiprocessor gets one, or of a weight gradient, whose long sums are cut anyway, a part of one; the
// smallest where there are not as many.
Plan plan_of(const Problem& p, Pass pass) {
    const std::vector<Plan> all = plans(p, pass);
    for (const Plan& plan : all)
        if (plan.grid.tiles() * (pass == Pass::backward_weights ? plan.grid.splits : 1) >= 132) return plan;
    return all.back();
}

bool device_can() {
    static const bool wanted = [] {
        const char* wish = std::getenv("PURNET_SM90");
        return !wish || std::string_view(wish) != "0";
    }();
    if (!wanted) return false;
    cuda::enter_device();
    int device = 0;
    cuda::check(cudaGetDevice(&device), "cudaGetDevice");
    static std::mutex mutex;
    static auto* known = new std::map<int, bool>;
    std::lock_guard lock(mutex);
    const auto [at, fresh] = known->try_emplace(device, false);
    if (fresh) {
        // Code of another target, compiled by the driver, is loaded here too, and takes fewer threads.
        using Tile = WgmmaTile<1, 64>;
        cudaFuncAttributes attributes{};
        cuda::check(cudaFuncGetAttributes(&attributes, wgmma_kernel<Correlation<bf16, true>, Tile>), "cudaFuncGetAttributes");
        const cuda::DeviceInfo& info = cuda::device_info(device);
        at->second = info.major == 9 && info.minor == 0 && attributes.maxThreadsPerBlock >= Tile::threads;
    }
    return at->second;
}

template <class Product>
void launch(const Problem& p, const Plan& plan, const Product& product, void* workspace, cudaStream_t stream) {
    if (plan.columns == 128)
        launch_tile<Product, WgmmaTile<2, 128>>(p, product, plan.grid, workspace, stream);
    else if (plan.groups == 2)
        launch_tile<Product, WgmmaTile<2, 64>>(p, product, plan.grid, workspace, stream);
    else
        launch_tile<Product, WgmmaTile<1, 64>>(p, product, plan.grid, workspace, stream);
}

template void launch(const Problem&, const Plan&, const Correlation<bf16, true>&, void*, cudaStream_t);
template void launch(const Problem&, const Plan&, const Correlation<bf16, false>&, void*, cudaStream_t);
template void launch(const Problem&, const Plan&, const WeightGradient<bf16>&, void*, cudaStream_t);

}  // namespace purnet::conv2d::implicit::sm90
