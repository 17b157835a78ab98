#include "kernels/conv2d/conv2d_launch.h"
#include "kernels/conv2d/conv2d_mma.h"

namespace purnet::conv2d {
namespace implicit {

// Bf16 in and out: tensor cores where the channels are multiples of 8, the ordinary cores elsewhere (the stem, heads of one
// channel).
template <>
struct Method<bf16> {
    template <class Product>
    static void launch(const Product& product, const Grid& grid, int chunk, void* workspace, cudaStream_t stream) {
        if (chunk == 8)
            launch_product(mma_kernel<Product>, product, grid, mma_threads, mma_shared, workspace, stream);
        else
            launch_product(tile_kernel<1, Product>, product, grid, float_threads, 0, workspace, stream);
    }
};

template size_t workspace<bf16>(const Problem&, Pass);
template void forward(const Problem&, const bf16*, const bf16*, const float*, bf16*, void*, const Context&);
template void backward_data(const Problem&, const bf16*, const bf16*, const float*, bf16*, void*, const Context&);
template void backward_weights(const Problem&, const bf16*, const bf16*, float*, float*, void*, const Context&);

}  // namespace implicit

namespace {
const bool registered = [] {
    table().add({DeviceType::cuda, DType::bf16}, implicit::kernels_of<bf16>());
    return true;
}();
}  // namespace

}  // namespace purnet::conv2d
