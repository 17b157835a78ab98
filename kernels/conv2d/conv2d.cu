#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_launch.h"
#include "kernels/conv2d/conv2d_tf32_ways.h"

namespace purnet::conv2d {
namespace implicit {
namespace {

// dbias[c] = sum over r of dy[r,c]. Grid and order of sums: kernels/tile/columns.h. Bytes: dy once.
struct BiasGradient {
    static constexpr bool has_finish_group = false;
    float* dbias;

    template <int V>
    struct State {
        __device__ __forceinline__ void operator()(const tile::Pack<V> (&in)[1], tile::Pack<V> (&sum)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) sum[0][i] += in[0][i];
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t) const {
        return {};
    }
    __device__ void finish(int64_t, int64_t column, const double (&total)[1]) const { dbias[column] = static_cast<float>(total[0]); }
};

}  // namespace

size_t bias_workspace(int64_t rows, int64_t channels) { return tile::column_sums_partials(rows, channels, 1, 1) * sizeof(double); }

template <class T>
void backward_bias(int64_t rows, int64_t channels, const T* dy, float* dbias, void* workspace, const Context& context) {
    tile::column_sums<1, 1, T>(BiasGradient{dbias}, {{dy}, {nullptr}}, 1, rows, channels, static_cast<double*>(workspace),
                               cuda::stream_of(context));
}

template void backward_bias<float>(int64_t, int64_t, const float*, float*, void*, const Context&);
template void backward_bias<bf16>(int64_t, int64_t, const bf16*, float*, void*, const Context&);

// Float32 in and out, on the ordinary cores: as exact as the CPU twin. In TF32 on tensor cores where that is allowed and channels are
// multiples of 4.
template <>
struct Method<float> {
    template <class Product>
    static void launch(const Problem& p, Pass pass, const Way& way, const Product& product, int chunk, void* workspace,
                       cudaStream_t stream) {
        if (way.tf32 && chunk >= 4) return tf32::launch(way, product, workspace, stream);
        launch_product(chunk >= 4 ? tile_kernel<4, Product> : tile_kernel<1, Product>, product, way.tf32 ? grid_of(p, pass) : way.grid,
                       float_threads, 0, workspace, stream);
    }
    static std::vector<Way> ways(const Problem& p, Pass pass) {
        std::vector<Way> list;
        if (tf32_allowed()) tf32::add_ways(list, p, pass);
        add_ways(list, "tiles", {}, grid_of(p, pass));
        return list;
    }
};

template size_t workspace<float>(const Problem&, Pass, const Way*);
template std::vector<Way> ways<float>(const Problem&, Pass);
template Way way_of<float>(const Problem&, Pass, bool);
template void forward(const Problem&, const float*, const float*, const tile::Epilogue<float>&, float*, void*, const Context&, const Way*);
template void backward_data(const Problem&, const float*, const float*, const tile::Epilogue<float>&, float*, void*, const Context&,
                            const Way*);
template Way way_of_merged<float>(const Problem&, Pass, int);
template void convolve_merged(const Problem&, Pass, std::span<const Member<float>>, void*, const Context&, const Way&);
template void backward_weights(const Problem&, const float*, const float*, float*, float*, void*, const Context&, const Way*);

}  // namespace implicit

namespace {
const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, implicit::kernels_of<float>());
    return true;
}();
}  // namespace

}  // namespace purnet::conv2d
