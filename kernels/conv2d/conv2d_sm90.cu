#include "kernels/conv2d/conv2d_sm90.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>

#include "kernels/conv2d/conv2d_wgmma.h"
#include "kernels/tile/tensor_map.h"

namespace purnet::conv2d::implicit::sm90 {
namespace {

// What the pixels of the product's rows are, as the copy engine is told.
tile::PixelGrid pixels_of(const Problem& p, Pass pass) {
    if (pass == Pass::forward) return {p.n, p.h, p.w, p.c, p.out_h(), p.out_w(), p.stride, -p.pads.top, -p.pads.left};
    const auto first = [&](int pad, int64_t kernel) { return static_cast<int>(pad - (kernel - 1) * p.dilation); };
    return {p.n, p.out_h(), p.out_w(), p.o, p.h, p.w, 1, first(p.pads.top, p.kh), first(p.pads.left, p.kw)};
}

int64_t summed(const Problem& p, Pass pass) { return pass == Pass::forward ? p.c : p.o; }
int64_t written(const Problem& p, Pass pass) { return pass == Pass::forward ? p.o : p.c; }
int chunks(const Problem& p, Pass pass) { return static_cast<int>((summed(p, pass) + tile::map_row - 1) / tile::map_row); }

struct TileRow {
    int groups, columns;
};
constexpr TileRow tiles[] = {{2, 128}, {2, 64}, {1, 64}};

template <bool Forward, class Tile>
void launch_tile(const Problem& p, const Correlation<bf16, Forward>& product, const Grid& grid, void* workspace, cudaStream_t stream) {
    const Pass pass = Forward ? Pass::forward : Pass::backward_data;
    const CUtensorMap pixels = tile::pixel_map(product.source, pixels_of(p, pass), Tile::rows);
    const CUtensorMap weights = tile::box_map(product.weight, {p.c, p.kh * p.kw, p.o}, {tile::map_row, 1, Forward ? Tile::columns : 64});
    const WgmmaSteps steps{static_cast<int>(p.kw), static_cast<int>(p.kh * p.kw), chunks(p, pass), p.dilation};
    require(grid.column_tiles <= 65535, "conv2d: ", grid.column_tiles, " tiles of columns are more than a grid holds");
    const dim3 blocks(static_cast<unsigned>(grid.row_tiles), static_cast<unsigned>(grid.column_tiles), static_cast<unsigned>(grid.splits));
    unsigned* counter = grid.splits > 1 ? cuda::counters(static_cast<int>(grid.tiles())) : nullptr;
    cuda::launch(wgmma_kernel<Forward, Tile>, blocks, Tile::threads, Tile::shared, stream, pixels, weights, product, steps, grid.splits,
                 static_cast<float*>(workspace), counter);
}

}  // namespace

bool fits(const Problem& p, Pass pass) {
    if (p.groups != 1 || pass == Pass::backward_weights || (pass == Pass::backward_data && p.stride != 1)) return false;
    if (p.c % 8 || summed(p, pass) % 8 || summed(p, pass) < 32) return false;
    return tile::fits_pixel_map(pixels_of(p, pass), (p.kh - 1) * p.dilation, (p.kw - 1) * p.dilation);
}

Plan plan_with(const Problem& p, Pass pass, int groups, int columns) {
    const int64_t rows = pass == Pass::forward ? p.n * p.out_h() * p.out_w() : p.n * p.h * p.w;
    Plan plan{groups, columns, {(rows + 64 * groups - 1) / (64 * groups), (written(p, pass) + columns - 1) / columns, 1}};
    plan.grid.elements = 64 * groups * columns;
    // Two blocks for each of 132 multiprocessors; a part of a sum has at least four steps.
    const int64_t wanted = 264 / plan.grid.tiles(), steps = p.kh * p.kw * chunks(p, pass);
    plan.grid.splits = static_cast<int>(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(steps / 4, 1)));
    plan.grid.most_splits = static_cast<int>(std::clamp<int64_t>(steps / 2, plan.grid.splits, 64));
    return plan;
}

std::vector<Plan> plans(const Problem& p, Pass pass) {
    std::vector<Plan> list;
    for (const TileRow& tile : tiles)
        if (tile.columns <= 64 || written(p, pass) > 64) list.push_back(plan_with(p, pass, tile.groups, tile.columns));
    return list;
}

// The first tile of which every multiprocessor gets one; the smallest where there are not as many.
Plan plan_of(const Problem& p, Pass pass) {
    const std::vector<Plan> all = plans(p, pass);
    for (const Plan& plan : all)
        if (plan.grid.tiles() >= 132) return plan;
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
        // Code of another target, compiled by the driver, would run here too, and do nothing.
        cudaFuncAttributes attributes{};
        cuda::check(cudaFuncGetAttributes(&attributes, wgmma_kernel<true, WgmmaTile<1, 64>>), "cudaFuncGetAttributes");
        const cuda::DeviceInfo& info = cuda::device_info(device);
        at->second = info.major == 9 && info.minor == 0 && attributes.ptxVersion == 90;
    }
    return at->second;
}

template <bool Forward>
void launch(const Problem& p, const Plan& plan, const Correlation<bf16, Forward>& product, void* workspace, cudaStream_t stream) {
    if (plan.columns == 128)
        launch_tile<Forward, WgmmaTile<2, 128>>(p, product, plan.grid, workspace, stream);
    else if (plan.groups == 2)
        launch_tile<Forward, WgmmaTile<2, 64>>(p, product, plan.grid, workspace, stream);
    else
        launch_tile<Forward, WgmmaTile<1, 64>>(p, product, plan.grid, workspace, stream);
}

template void launch(const Problem&, const Plan&, const Correlation<bf16, true>&, void*, cudaStream_t);
template void launch(const Problem&, const Plan&, const Correlation<bf16, false>&, void*, cudaStream_t);

}  // namespace purnet::conv2d::implicit::sm90
