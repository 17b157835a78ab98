#include "kernels/resize/resize_picture.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/vector.h"

namespace purnet::resize_picture {
namespace {

constexpr int weight_bits = 22;
constexpr int half = 1 << (weight_bits - 1);

// One axis in the workspace: output i reads count[i] inputs from first[i] on, with weights[i * most ..].
struct Axis {
    int in, out, most;
    int *first, *count, *weights;
};

// The weights of both axes. One thread an output of either, first those of the columns. Order and rounding of every operation are the
// contract's, or a byte would now and then be another: products are fma(a, b, 0), which no compiler merges with the sum that follows. The
// sum is made first and each weight again afterwards, in the order of the inputs: about 4 max(s, 1) divisions in a row, some microseconds,
// while the picture is on its way. Bytes: what it writes.
__global__ void __launch_bounds__(64) taps_kernel(Axis columns, Axis rows) {
    const int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const bool vertical = thread >= columns.out;
    const Axis axis = vertical ? rows : columns;
    const int i = vertical ? thread - columns.out : thread;
    const double scale = static_cast<double>(axis.in) / axis.out, stretch = fmax(scale, 1.0), inverse = 1.0 / stretch;
    const double centre = fma(i + 0.5, scale, 0.0);
    const int begin = static_cast<int>(centre - stretch + 0.5), end = static_cast<int>(centre + stretch + 0.5);
    const int low = max(begin, 0), high = min(end, axis.in);
    const auto triangle = [&](int at) { return fmax(1.0 - fabs(fma(at - centre + 0.5, inverse, 0.0)), 0.0); };
    double sum = 0;
    for (int at = low; at < high; ++at) sum += triangle(at);
    ptx::wait_for_launches();
    if (i >= axis.out) return;
    axis.first[i] = low;
    axis.count[i] = high - low;
    int* const weights = axis.weights + static_cast<int64_t>(i) * axis.most;
    for (int at = low; at < high; ++at) weights[at - low] = static_cast<int>(triangle(at) / sum * (1 << weight_bits) + 0.5);
}

// y[r, q, c] = sum over t of weights[q][t] x[r, first[q] + t, c], rounded, r over the rows of all pictures. Grid (samples of a row, rows);
// one sample a thread. Lanes lie along a row of y, so the bytes that a warp reads for one t are spread over 32 s bytes of x, and those for
// the next t lie beside them, in the first cache. Bytes: x once, y once. Sums stay below 2^31 (resize_bytes_simd.cpp).
__global__ void __launch_bounds__(128) horizontal_kernel(Axis axis, int height, int channels, const uint8_t* x, uint8_t* y) {
    const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int64_t row = blockIdx.y + static_cast<int64_t>(blockIdx.z) * gridDim.y;
    const int q = at / channels, c = at - q * channels;
    ptx::wait_for_launches();
    if (q >= axis.out || row >= height) return;
    const int* const weights = axis.weights + static_cast<int64_t>(q) * axis.most;
    const uint8_t* from = x + (row * axis.in + axis.first[q]) * channels + c;
    const int count = axis.count[q];
    int sum = half;
    for (int t = 0; t < count; ++t, from += channels) sum += weights[t] * *from;
    y[row * axis.out * channels + at] = static_cast<uint8_t>(sum >> weight_bits);
}

// y[p, i] = sum over t of weights[p][t] x[first[p] + t, i], rounded, i along a row of `samples` bytes. Grid (vectors of a row, rows of
// all y); V bytes a thread, 16 where rows are multiples of that and aligned. Bytes: x max(2, 1/s) times, through the caches; y once.
template <int V>
__global__ void __launch_bounds__(64) vertical_kernel(Axis axis, int height, int samples, const uint8_t* x, uint8_t* y) {
    const int64_t row = blockIdx.y + static_cast<int64_t>(blockIdx.z) * gridDim.y;
    const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) * V;
    ptx::wait_for_launches();
    if (at >= samples || row >= height) return;
    const int image = static_cast<int>(row) / axis.out, p = static_cast<int>(row) - image * axis.out;
    const int* const weights = axis.weights + static_cast<int64_t>(p) * axis.most;
    const uint8_t* from = x + (static_cast<int64_t>(image) * axis.in + axis.first[p]) * samples + at;
    const int count = axis.count[p];
    int sum[V];
#pragma unroll
    for (int k = 0; k < V; ++k) sum[k] = half;
    for (int t = 0; t < count; ++t, from += samples) {
        const int weight = weights[t];
        if constexpr (V == 16) {
            const uint4 all = *reinterpret_cast<const uint4*>(from);
            const unsigned words[4] = {all.x, all.y, all.z, all.w};
#pragma unroll
            for (int k = 0; k < V; ++k) sum[k] += weight * static_cast<int>(words[k / 4] >> (8 * (k % 4)) & 255u);
        } else {
            sum[0] += weight * *from;
        }
    }
    uint8_t* const to = y + row * samples + at;
    if constexpr (V == 16) {
        unsigned words[4] = {};
#pragma unroll
        for (int k = 0; k < V; ++k) words[k / 4] |= static_cast<unsigned>(sum[k] >> weight_bits) << (8 * (k % 4));
        *reinterpret_cast<uint4*>(to) = {words[0], words[1], words[2], words[3]};
    } else {
        *to = static_cast<uint8_t>(sum[0] >> weight_bits);
    }
}

// Rows lie along the second axis of a grid and, since that ends at 65535, along its third.
dim3 grid_of(unsigned blocks, int64_t rows) {
    const int64_t z = (rows + 1023) / 1024;
    return {blocks, static_cast<unsigned>((rows + z - 1) / z), static_cast<unsigned>(z)};
}

void forward(const Problem& p, const uint8_t* x, uint8_t* y, void* workspace, const Context& context) {
    const auto text = [&] { return concat(p.images, " of ", p.h, " x ", p.w, " x ", p.channels, " to ", p.out_h, " x ", p.out_w); };
    const OpScope op("resize_picture", text);
    check(p);
    const cudaStream_t stream = cuda::stream_of(context);
    int* words = static_cast<int*>(workspace);
    const auto axis_of = [&words](int64_t in, int64_t out) {
        const int n = static_cast<int>(out), most = static_cast<int>(most_taps(in, out));
        const Axis axis{static_cast<int>(in), n, most, words, words + n, words + 2 * int64_t{n}};
        words += int64_t{n} * (2 + most);
        return axis;
    };
    const Axis columns = axis_of(p.w, p.out_w), rows = axis_of(p.h, p.out_h);
    cuda::launch_early(taps_kernel, cuda::blocks_for(p.out_w + p.out_h, 64), 64, 0, stream, columns, rows);
    const bool narrows = p.w != p.out_w, shortens = p.h != p.out_h;
    const size_t used = static_cast<size_t>(reinterpret_cast<char*>(words) - static_cast<char*>(workspace));
    uint8_t* const narrow = static_cast<uint8_t*>(workspace) + (used + 255) / 256 * 256;
    const int64_t samples = p.out_w * p.channels;
    if (narrows)
        cuda::launch_early(horizontal_kernel, grid_of(cuda::blocks_for(samples, 128), p.images * p.h), 128, 0, stream, columns,
                           static_cast<int>(p.images * p.h), static_cast<int>(p.channels), x, shortens ? narrow : y);
    if (!shortens && narrows) return;  // weights of one input each copy a picture that keeps its size
    const uint8_t* const from = narrows ? narrow : x;
    const bool vectors = samples % 16 == 0 && tile::aligned_16(from, y);
    cuda::launch_early(vectors ? vertical_kernel<16> : vertical_kernel<1>,
                       grid_of(cuda::blocks_for(samples, vectors ? 64 * 16 : 64), p.images * p.out_h), 64, 0, stream, rows,
                       static_cast<int>(p.images * p.out_h), static_cast<int>(samples), from, y);
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward>});
    return true;
}();

}  // namespace
}  // namespace purnet::resize_picture
