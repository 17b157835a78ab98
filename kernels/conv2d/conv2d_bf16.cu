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
    static void launch(const Product& product, const Grid& grid, int chunk, void* workspace, cudaStream_t stream) {
        if (chunk == 8)
            launch_product(mma_kernel<Product>, product, grid, mma_threads, mma_shared, workspace, stream);
        else
            launch_product(tile_kernel<1, Product>, product, grid, float_threads, 0, workspace, stream);
    }
    template <bool Forward>
    static void correlate(const Problem& p, Pass pass, const Correlation<bf16, Forward>& product, int chunk, void* workspace,
                          cudaStream_t stream) {
        if (chunk == 8 && takes_sm90(p, pass))
            sm90::launch(p, sm90::plan_of(p, pass), product, workspace, stream);
        else
            launch(product, grid_of(p, pass), chunk, workspace, stream);
    }
    static size_t workspace(const Problem& p, Pass pass) {
        const size_t everywhere = grid_of(p, pass).workspace();
        return sm90::fits(p, pass) ? std::max(everywhere, sm90::plan_of(p, pass).grid.workspace()) : everywhere;
    }
    static std::string name(const Problem& p, Pass pass) {
        if (chunk_of(p, pass) == 8 && takes_sm90(p, pass)) {
            const sm90::Plan plan = sm90::plan_of(p, pass);
            return concat("wgmma ", 64 * plan.groups, "x", plan.columns, plan.grid.parts());
        }
        return concat(chunk_of(p, pass) == 8 ? "mma 64x64" : "tiles 64x64", grid_of(p, pass).parts());
    }

private:
    static bool takes_sm90(const Problem& p, Pass pass) { return sm90::fits(p, pass) && sm90::device_can(); }
};

template size_t workspace<bf16>(const Problem&, Pass);
template std::string method<bf16>(const Problem&, Pass);
template void forward(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, void*, const Context&);
template void backward_data(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, void*, const Context&);
template void backward_weights(const Problem&, const bf16*, const bf16*, float*, float*, void*, const Context&);

}  // namespace implicit

namespace {
const bool registered = [] {
    table().add({DeviceType::cuda, DType::bf16}, implicit::kernels_of<bf16>());
    return true;
}();
}  // namespace

}  // namespace purnet::conv2d
