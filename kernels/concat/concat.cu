#include "kernels/concat/concat.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/pointwise.h"
#include "kernels/tile/ptx.h"

namespace purnet::concat_channels {
namespace {

constexpr int most_parts = 16;

template <class T>
struct Parts {
    T* at[most_parts];
    int64_t width[most_parts];
    int64_t offset[most_parts];
};

// Forward y[r, o_k + c] = part_k[r, c], backward the other way round. Grid (vectors of part k, k): a thread owns one vector of V
// elements, lanes along the channels of a row. V > 1 where every width is a multiple of it and every pointer aligned. Bytes:
// each element read and written once, 2 rows all sizeof(T); no FLOP: limited by bandwidth. Copies, each element by one thread: the same
// bits always. A part without a pointer is left out.
template <int V, bool Forward, class T>
__global__ void __launch_bounds__(256) parts_kernel(Parts<T> parts, T* whole, int64_t rows, int64_t all) {
    ptx::wait_for_launches();
    const int k = static_cast<int>(blockIdx.y);
    T* part = parts.at[k];
    if (!part) return;
    const int64_t in_row = parts.width[k] / V;
    for (int64_t at = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; at < rows * in_row;
         at += static_cast<int64_t>(gridDim.x) * blockDim.x) {
        const int64_t row = at / in_row, c = (at - row * in_row) * V;
        T* own = part + row * parts.width[k] + c;
        T* place = whole + row * all + parts.offset[k] + c;
        if constexpr (Forward)
            tile::store(place, tile::load<V>(own));
        else
            tile::store(own, tile::load<V>(place));
    }
}

// Parts in turns of most_parts.
template <bool Forward, class T>
void run(const Problem& p, T* const* parts, T* whole, cudaStream_t stream) {
    constexpr int V = tile::vector_of<T>;
    int64_t all = 0, offset = 0;
    for (int64_t width : p.widths) all += width;
    if (p.rows * all == 0) return;
    for (size_t first = 0; first < p.widths.size(); first += most_parts) {
        Parts<T> some{};
        const size_t count = std::min<size_t>(most_parts, p.widths.size() - first);
        int64_t widest = 1;
        bool vectors = all % V == 0 && tile::aligned_16(whole);
        for (size_t k = 0; k < count; ++k) {
            some.at[k] = parts[first + k];
            some.width[k] = p.widths[first + k];
            some.offset[k] = offset;
            vectors = vectors && some.width[k] % V == 0 && tile::aligned_16(some.at[k]);
            widest = std::max(widest, some.width[k]);
            offset += some.width[k];
        }
        const int64_t work = p.rows * (vectors ? (widest + V - 1) / V : widest);
        const dim3 grid(cuda::blocks_for(work, 256, 1 << 20), static_cast<unsigned>(count));
        cuda::launch_early(vectors ? parts_kernel<V, Forward, T> : parts_kernel<1, Forward, T>, grid, 256, 0, stream, some, whole, p.rows,
                           all);
    }
}

template <class T>
void forward(const Problem& p, const void* const* parts, void* y, const Context& context) {
    const auto text = [&] { return purnet::concat(p.widths.size(), " parts of ", p.rows, " rows"); };
    const OpScope op("concat forward", text);
    std::vector<T*> inputs;
    for (size_t k = 0; k < p.widths.size(); ++k) inputs.push_back(const_cast<T*>(static_cast<const T*>(parts[k])));
    run<true>(p, inputs.data(), static_cast<T*>(y), cuda::stream_of(context));
}

template <class T>
void backward(const Problem& p, const void* dy, void* const* dparts, const Context& context) {
    const auto text = [&] { return purnet::concat(p.widths.size(), " parts of ", p.rows, " rows"); };
    const OpScope op("concat backward", text);
    std::vector<T*> outputs;
    for (size_t k = 0; k < p.widths.size(); ++k) outputs.push_back(static_cast<T*>(dparts[k]));
    run<false>(p, outputs.data(), const_cast<T*>(static_cast<const T*>(dy)), cuda::stream_of(context));
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = forward<float>, .backward = backward<float>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = forward<bf16>, .backward = backward<bf16>});
    return true;
}();

}  // namespace
}  // namespace purnet::concat_channels
