#include "kernels/quantise/quantise.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/vector.h"

namespace purnet::quantise {
namespace {

// y = nearest byte of x inverse_scale + zero. Grid: blocks of 256 threads, a vector of 16 bytes of x a thread, or one element where x or y
// are not aligned for that; the last count % V elements by single threads of the last block. Bytes: x once, y once.
template <int V, class T>
__global__ void __launch_bounds__(256) quantise_kernel(float inverse_scale, float zero, const T* x, uint8_t* y, int64_t count) {
    const int64_t vector = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x, vectors = count / V;
    const auto byte_of = [&](float v) {
        // NaN fails the comparison and becomes 0, as on the CPU.
        const float scaled = fmaf(v, inverse_scale, zero);
        return scaled > 0.0f ? static_cast<uint8_t>(__float2int_rn(fminf(scaled, 255.0f))) : uint8_t{0};
    };
    ptx::wait_for_launches();
    if (vector < vectors) {
        const tile::Pack<V> v = tile::load<V>(x + vector * V);
        if constexpr (V == 1) {
            y[vector] = byte_of(v[0]);
        } else {
#pragma unroll
            for (int word = 0; word < V / 4; ++word) {
                unsigned packed = 0;
#pragma unroll
                for (int i = 0; i < 4; ++i) packed |= static_cast<unsigned>(byte_of(v[word * 4 + i])) << (8 * i);
                *reinterpret_cast<unsigned*>(y + vector * V + word * 4) = packed;
            }
        }
    }
    if (V > 1 && blockIdx.x == gridDim.x - 1 && vectors * V + threadIdx.x < count) {
        const int64_t at = vectors * V + threadIdx.x;
        y[at] = byte_of(cuda::to_float(x[at]));
    }
}

template <class T>
void forward(const Problem& p, const T* x, uint8_t* y, const Context& context) {
    const auto text = [&] { return concat(p.count, " elements"); };
    const OpScope op("quantise", text);
    constexpr int V = tile::vector_of<T>;
    const bool vectors = tile::aligned_16(x) && tile::aligned_16(y);
    const unsigned blocks = cuda::blocks_for((p.count + V - 1) / (vectors ? V : 1), 256);
    cuda::launch_early(vectors ? quantise_kernel<V, T> : quantise_kernel<1, T>, blocks, 256, 0, cuda::stream_of(context), 1 / p.scale,
                       static_cast<float>(p.zero), x, y, p.count);
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::quantise
