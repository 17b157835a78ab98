#include "kernels/conv2d/conv2d_sm90.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>

#include "kernels/conv2d/conv2d_wgmma.h"
#include "kernels/tile/tensor_map.h"

namespace purnet::conv2d::implicit::sm90 {
namespace {

template <bool Forward>
constexpr Pass pass_of(const Correlation<bf16, Forward>&) {
    return Forward ? Pass::forward : Pass::backward_data;
}
constexpr Pass pass_of(const WeightGradient<bf16>&) { return Pass::backward_weights; }

template <class Product>
struct Operands {
    WgmmaMaps<Product::most> maps = {};
    int chunks = 0;
};

// Of the convolution that reads `source` and `weight` and writes so many channels.
template <class Tile, bool Forward, class Maps>
void describe_operands(const Problem& p, const bf16* source, const bf16* weight, int64_t channels, Maps& maps, int number) {
    constexpr Pass pass = Forward ? Pass::forward : Pass::backward_data;
    maps.pixels[number] = tile::pixel_map(source, pixels_of(p, pass), Tile::rows);
    maps.box[number] = tile::box_map(weight, {Forward ? p.c : channels, p.kh * p.kw, Forward ? channels : p.o},
                                     {tile::map_row, 1, Forward ? Tile::columns : 64});
}
template <class Tile, bool Forward>
auto operands_of(const Problem& p, const Correlation<bf16, Forward>& product) {
    Operands<Correlation<bf16, Forward>> operands{.chunks = static_cast<int>(tiles_of(summed(p, pass_of(product)), tile::map_row))};
    describe_operands<Tile, Forward>(p, product.source, product.weight, Forward ? p.o : p.c, operands.maps, 0);
    return operands;
}
template <class Tile, bool Forward>
auto operands_of(const Problem& p, const MergedCorrelation<bf16, Forward>& product) {
    Operands<MergedCorrelation<bf16, Forward>> operands{.chunks = static_cast<int>(tiles_of(summed(p, pass_of(product)), tile::map_row))};
    for (int i = 0; i <= product.more; ++i) {
        const Member<bf16> own = product.numbered(i);
        describe_operands<Tile, Forward>(p, own.source, own.weight, own.channels, operands.maps, i);
    }
    return operands;
}
template <class Tile>
auto operands_of(const Problem& p, const WeightGradient<bf16>& product) {
    Operands<WeightGradient<bf16>> operands{.chunks = static_cast<int>(tiles_of(p.c, Tile::columns))};
    operands.maps.pixels[0] = tile::pixel_map(product.x, pixels_of(p, Pass::backward_weights), 64);
    operands.maps.box[0] = tile::box_map(product.dy, {p.o, p.n * p.out_h() * p.out_w()}, {tile::map_row, 64});
    return operands;
}

template <class Product, class Tile>
void launch_tile(const Problem& p, const Product& product, const Grid& of_one, void* workspace, cudaStream_t stream) {
    const Grid grid = of_one.times(1 + product.more);
    const auto operands = operands_of<Tile>(p, product);
    const WgmmaSteps steps{static_cast<int>(p.kw), operands.chunks, p.dilation, static_cast<int>(steps_of(p, pass_of(product)))};
    require(grid.column_tiles <= 65535, "conv2d: ", grid.column_tiles, " tiles of columns are more than a grid holds");
    const dim3 blocks(static_cast<unsigned>(grid.row_tiles), static_cast<unsigned>(grid.column_tiles),
                      static_cast<unsigned>(grid.products * grid.splits));
    unsigned* counter = grid.splits > 1 ? cuda::counters(static_cast<int>(grid.tiles())) : nullptr;
    cuda::launch_early(wgmma_kernel<Product, Tile>, blocks, Tile::threads, Tile::shared, stream, operands.maps, product, steps, grid.splits,
                       static_cast<float*>(workspace), counter);
}

}  // namespace

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
template void launch(const Problem&, const Plan&, const GradientWithSums<bf16>&, void*, cudaStream_t);
template void launch(const Problem&, const Plan&, const MergedCorrelation<bf16, true>&, void*, cudaStream_t);
template void launch(const Problem&, const Plan&, const MergedCorrelation<bf16, false>&, void*, cudaStream_t);
template void launch(const Problem&, const Plan&, const WeightGradient<bf16>&, void*, cudaStream_t);

}  // namespace purnet::conv2d::implicit::sm90
