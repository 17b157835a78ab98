#include "kernels/normalise/normalise.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/shared.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/vector.h"

namespace purnet::normalise {
namespace {

constexpr int threads = 256;  // one a byte's value

struct Levels {
    double scale, mean[3], deviation[3];
};

// N bytes, the first one lowest in the first word.
template <int N>
struct Bytes {
    unsigned word[(N + 3) / 4];

    __device__ __forceinline__ unsigned operator[](int i) const { return word[i / 4] >> (8 * (i % 4)) & 255u; }
};

template <int N>
__device__ __forceinline__ Bytes<N> load_bytes(const uint8_t* from) {
    if constexpr (N == 8) {
        const uint2 both = *reinterpret_cast<const uint2*>(from);
        return {{both.x, both.y}};
    } else if constexpr (N == 4) {
        return {{*reinterpret_cast<const unsigned*>(from)}};
    } else {
        return {{*from}};
    }
}

// y[i] = value of byte x[i] in channel i % C, i < count. The 256 C values are made once a block, in float64, in shared memory: a thread has
// one byte's, and does so while the launches ahead still run. Then a thread owns Items vectors of V elements, 16 bytes of y and V of x,
// neighbouring lanes neighbouring vectors, and looks each element up; the last count % V elements are single threads' of the last block.
// Where x or y is not aligned to 16 bytes V is 1. The look-ups fall on the banks as the picture has it: a picture of one grey is read in
// one go, one of noise in three or four. Bytes: (1 + sizeof(T)) count; the values cost 1 + 2 C divisions a thread. The same bits always.
template <int V, int Items, int C, class T>
__global__ void __launch_bounds__(threads) normalise_kernel(Levels levels, const uint8_t* x, T* y, int64_t count) {
    SHARED(float, values, 256 * C);
    const double share = static_cast<double>(threadIdx.x) / levels.scale;
#pragma unroll
    for (int c = 0; c < C; ++c) values[threadIdx.x * C + c] = static_cast<float>((share - levels.mean[c]) / levels.deviation[c]);
    __syncthreads();
    const auto value = [&](unsigned byte, unsigned c) { return values[byte * C + c]; };
    const int64_t vectors = count / V, first = static_cast<int64_t>(blockIdx.x) * (threads * Items) + threadIdx.x;
    ptx::wait_for_launches();
    Bytes<V> bytes[Items];
#pragma unroll
    for (int item = 0; item < Items; ++item)
        if (first + item * threads < vectors) bytes[item] = load_bytes<V>(x + (first + item * threads) * V);
#pragma unroll
    for (int item = 0; item < Items; ++item) {
        const int64_t at = (first + item * threads) * V;
        if (first + item * threads >= vectors) continue;
        const unsigned begin = static_cast<unsigned>(static_cast<uint64_t>(at) % C);
        tile::Pack<V> result;
#pragma unroll
        for (int i = 0; i < V; ++i) {
            const unsigned c = begin + i % C;
            result[i] = value(bytes[item][i], c < C ? c : c - C);
        }
        tile::store(y + at, result);
    }
    if (blockIdx.x == gridDim.x - 1 && vectors * V + threadIdx.x < count) {
        const int64_t at = vectors * V + threadIdx.x;
        y[at] = cuda::from_float<T>(value(x[at], static_cast<unsigned>(static_cast<uint64_t>(at) % C)));
    }
}

// Vectors a launch has -> vectors a thread: few are spread over many multiprocessors first.
constexpr cuda::LaunchRow launches[] = {{132 * 64, threads, 1}, {INT64_MAX, threads, 4}};

template <int C, class T>
void start(const Problem& p, const uint8_t* x, T* y, const Context& context) {
    constexpr int V = tile::vector_of<T>;
    const int64_t count = p.pixels * C;
    const bool aligned = tile::aligned_16(x) && tile::aligned_16(y);
    const int64_t vectors = aligned ? (count + V - 1) / V : count;
    const cuda::LaunchRow& row = cuda::pick(launches, vectors);
    Levels levels{.scale = p.scale};
    for (size_t c = 0; c < C; ++c) {
        levels.mean[c] = p.mean[c];
        levels.deviation[c] = p.deviation[c];
    }
    const bool one = row.items == 1;
    auto* const kernel = aligned ? (one ? normalise_kernel<V, 1, C, T> : normalise_kernel<V, 4, C, T>)
                                 : (one ? normalise_kernel<1, 1, C, T> : normalise_kernel<1, 4, C, T>);
    cuda::launch_early(kernel, cuda::blocks_for(vectors, threads * row.items), threads, 0, cuda::stream_of(context), levels, x, y, count);
}

template <class T>
void forward(const Problem& p, const uint8_t* x, T* y, const Context& context) {
    const auto text = [&] { return concat(p.pixels, " pixels of ", p.channels, " channels"); };
    const OpScope op("normalise", text);
    check(p);
    if (p.pixels == 0) return;
    p.channels == 1 ? start<1>(p, x, y, context) : start<3>(p, x, y, context);
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::normalise
