// Convolution, dilated or not, forward: y[n,p,q,o] = bias[o] + sum over ky,kx,i of weight[o,ky,kx,i] x[n, p s - top + ky d, q s - left + kx
// d, i] As a product: rows are the pixels of y, columns the output channels of a group, depth the terms k = (ky, kx, i), i fastest, which
// is the order in which weight lies in memory. 2 rows columns depth FLOP in every rung; what changes is how often an
// element is fetched, and from where. Each element of x is wanted kh kw O times, each of weight once for every pixel.
//
// Arithmetic is float32 (the product's in bf16: tensor cores with float32 sums), each sum in one fixed order.
#include <climits>

#include "kernels/conv2d/conv2d.h"
#include "kernels/lab/lab.h"
#include "kernels/runtime/cuda/bf16.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/reduce.h"
#include "kernels/tile/vector.h"

namespace purnet::lab {
namespace {

using conv2d::Problem;

struct Sizes {
    int n, h, w, c, o, kh, kw, out_h, out_w, stride, top, left, dilation, groups;
};

// Where the sum for one pixel of y begins in x; may lie outside.
struct Pixel {
    int64_t image;  // first row of the image, in rows of all images
    int row, column;

    __device__ __forceinline__ Pixel(const Sizes& p, int64_t place) {
        const int64_t line = place / p.out_w;
        image = line / p.out_h * p.h;
        row = static_cast<int>(line % p.out_h) * p.stride - p.top;
        column = static_cast<int>(place % p.out_w) * p.stride - p.left;
    }
    // Index of channel 0 under tap (ky, kx), -1 outside.
    __device__ __forceinline__ int64_t under(const Sizes& p, int ky, int kx) const {
        const int i = row + ky * p.dilation, j = column + kx * p.dilation;
        return i >= 0 && i < p.h && j >= 0 && j < p.w ? ((image + i) * p.w + j) * p.c : -1;
    }
};

__device__ __forceinline__ int64_t places_of(const Sizes& p) { return static_cast<int64_t>(p.n) * p.out_h * p.out_w; }

// One thread an element of y, neighbouring lanes on neighbouring pixels. For every multiplication two loads: one of weight, the
// same for all lanes (one sector), one of x, where lanes stand C elements apart (32 sectors, 4 bytes used of each). Writes to y
// lie O elements apart. Bytes asked for: 8 (bf16: 4) a multiplication.
template <class T>
__global__ void __launch_bounds__(256) conv_thread_kernel(Sizes p, const T* x, const T* weight, const float* bias, T* y) {
    const int64_t places = places_of(p), at = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (at >= places * p.o) return;
    const int64_t place = at % places;
    const int o = static_cast<int>(at / places), in = p.c / p.groups, group = o / (p.o / p.groups);
    const Pixel pixel(p, place);
    const T* filter = weight + static_cast<int64_t>(o) * p.kh * p.kw * in;
    float sum = bias ? bias[o] : 0.0f;
    for (int ky = 0; ky < p.kh; ++ky)
        for (int kx = 0; kx < p.kw; ++kx) {
            const int64_t from = pixel.under(p, ky, kx);
            if (from < 0) continue;
            for (int i = 0; i < in; ++i)
                sum = fmaf(cuda::to_float(filter[(ky * p.kw + kx) * in + i]), cuda::to_float(x[from + group * in + i]), sum);
        }
    y[place * p.o + o] = cuda::from_float<T>(sum);
}

// One warp an element of y, lanes along the channels of x, in which both operands lie side by side: whole sectors for both, and a
// tree of shuffles at the end. Still two loads a multiplication: nothing that was fetched is used twice. One element of y
// a warp leaves 31 lanes idle at the end, and fewer than 32 channels leave lanes idle all the time.
template <class T>
__global__ void __launch_bounds__(256) conv_warp_kernel(Sizes p, const T* x, const T* weight, const float* bias, T* y) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * 8 + threadIdx.x / 32;
    if (at >= places_of(p) * p.o) return;
    const int64_t place = at / p.o;
    const int lane = static_cast<int>(threadIdx.x) % 32, o = static_cast<int>(at % p.o), in = p.c / p.groups, group = o / (p.o / p.groups);
    const Pixel pixel(p, place);
    const T* filter = weight + static_cast<int64_t>(o) * p.kh * p.kw * in;
    float sum = 0.0f;
    for (int ky = 0; ky < p.kh; ++ky)
        for (int kx = 0; kx < p.kw; ++kx) {
            const int64_t from = pixel.under(p, ky, kx);
            if (from < 0) continue;
            for (int i = lane; i < in; i += 32)
                sum = fmaf(cuda::to_float(filter[(ky * p.kw + kx) * in + i]), cuda::to_float(x[from + group * in + i]), sum);
        }
    sum = tile::warp_reduce<tile::Sum>(sum);
    if (lane == 0) y[at] = cuda::from_float<T>(sum + (bias ? bias[o] : 0.0f));
}

// ---- Tiles of the product: grid (row tiles, column tiles, groups) ----

// The k-th terms of a row and of a column, 0 outside: two divisions for each element that is fetched.
template <class T>
__device__ __forceinline__ float row_term(const Sizes& p, const T* x, int64_t place, int group, int k) {
    const int in = p.c / p.groups, tap = k / in;
    if (place >= places_of(p) || tap >= p.kh * p.kw) return 0.0f;
    const int64_t from = Pixel(p, place).under(p, tap / p.kw, tap % p.kw);
    return from < 0 ? 0.0f : cuda::to_float(x[from + group * in + k % in]);
}
template <class T>
__device__ __forceinline__ float column_term(const Sizes& p, const T* weight, int column, int group, int k) {
    const int columns = p.o / p.groups, depth = p.kh * p.kw * (p.c / p.groups);
    if (column >= columns || k >= depth) return 0.0f;
    return cuda::to_float(weight[(static_cast<int64_t>(group) * columns + column) * depth + k]);
}
template <class T>
__device__ __forceinline__ void put_result(const Sizes& p, const float* bias, T* y, int64_t place, int column, int group, float sum) {
    const int columns = p.o / p.groups, o = group * columns + column;
    if (place < places_of(p) && column < columns) y[place * p.o + o] = cuda::from_float<T>(sum + (bias ? bias[o] : 0.0f));
}

// A block owns 16 x 16 of y, a thread an element. Sixteen terms at a time lie in shared memory: an element that was fetched serves
// 16 threads, so global memory gives 1 / 16 of the bytes. Now two shared loads a multiplication are the limit. Lines of 17 words: 16
// lanes that read down a column of tile_b meet 16 banks.
template <class T>
__global__ void __launch_bounds__(256) conv_shared_kernel(Sizes p, const T* x, const T* weight, const float* bias, T* y) {
    SHARED(float[17], tile_a, 16);
    SHARED(float[17], tile_b, 16);
    const int line = static_cast<int>(threadIdx.x) / 16, element = static_cast<int>(threadIdx.x) % 16, group = static_cast<int>(blockIdx.z);
    const int64_t row0 = static_cast<int64_t>(blockIdx.x) * 16;
    const int column0 = static_cast<int>(blockIdx.y) * 16, depth = p.kh * p.kw * (p.c / p.groups);
    float sum = 0.0f;
    for (int k0 = 0; k0 < depth; k0 += 16) {
        tile_a[line][element] = row_term(p, x, row0 + line, group, k0 + element);
        tile_b[line][element] = column_term(p, weight, column0 + line, group, k0 + element);
        __syncthreads();
#pragma unroll
        for (int k = 0; k < 16; ++k) sum = fmaf(tile_a[line][k], tile_b[element][k], sum);
        __syncthreads();  // before the tiles are overwritten
    }
    put_result(p, bias, y, row0 + line, column0 + element, group, sum);
}

// A block owns 64 x 64 of y, a thread 4 x 4 in registers: of each term it reads four elements of A and four of B, as one vector
// each, and multiplies all pairs: 16 multiplications for two shared loads, and global memory gives 1 / 64. What is left: two
// divisions for each element that is fetched, and a block that waits for memory, then multiplies, then waits.
template <class T>
__global__ void __launch_bounds__(256) conv_registers_kernel(Sizes p, const T* x, const T* weight, const float* bias, T* y) {
    SHARED(float[68], tile_a, 16);
    SHARED(float[68], tile_b, 16);
    const int thread = static_cast<int>(threadIdx.x), group = static_cast<int>(blockIdx.z);
    const int64_t row0 = static_cast<int64_t>(blockIdx.x) * 64;
    const int column0 = static_cast<int>(blockIdx.y) * 64, depth = p.kh * p.kw * (p.c / p.groups);
    const int row = thread / 16 * 4, column = thread % 16 * 4;
    float sum[4][4] = {};
    for (int k0 = 0; k0 < depth; k0 += 16) {
        const int k = thread % 16;
        for (int line = thread / 16; line < 64; line += 16) {
            tile_a[k][line] = row_term(p, x, row0 + line, group, k0 + k);
            tile_b[k][line] = column_term(p, weight, column0 + line, group, k0 + k);
        }
        __syncthreads();
#pragma unroll
        for (int t = 0; t < 16; ++t) {
            const tile::Pack<4> left = tile::load<4>(&tile_a[t][row]), right = tile::load<4>(&tile_b[t][column]);
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) sum[i][j] = fmaf(left[i], right[j], sum[i][j]);
        }
        __syncthreads();  // before the tiles are overwritten
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) put_result(p, bias, y, row0 + row + i, column0 + column + j, group, sum[i][j]);
}

Sizes sizes_of(const Problem& p) {
    conv2d::check(p);
    require(p.x_count() < INT_MAX && p.y_count() < INT_MAX && p.weight_count() < INT_MAX,
            "lab conv2d: a picture is too large for one launch");
    const auto i = [](int64_t v) { return static_cast<int>(v); };
    return {i(p.n),       i(p.h),       i(p.w),   i(p.c),     i(p.o),      i(p.kh),    i(p.kw),
            i(p.out_h()), i(p.out_w()), p.stride, p.pads.top, p.pads.left, p.dilation, p.groups};
}

dim3 threads_as_elements(const Problem& p) { return cuda::blocks_for(p.y_count(), 256); }
dim3 warps_as_elements(const Problem& p) { return cuda::blocks_for(p.y_count(), 8); }
template <int Size>
dim3 tiles(const Problem& p) {
    require(p.groups <= 65535, "conv2d in ", p.groups, " groups is more than this rung's grid holds");
    return {cuda::blocks_for(p.n * p.out_h() * p.out_w(), Size), cuda::blocks_for(p.o / p.groups, Size), static_cast<unsigned>(p.groups)};
}

template <class T, void (*Function)(Sizes, const T*, const T*, const float*, T*), dim3 (*Blocks)(const Problem&)>
void forward(const Problem& p, const void* x, const void* weight, const void* bias, void* y, void*, const Context& context) {
    const auto text = [&] { return concat(p.n, "x", p.h, "x", p.w, "x", p.c, " to ", p.o, ", kernel ", p.kh, "x", p.kw); };
    const OpScope op("lab conv2d forward", text);
    cuda::launch(Function, Blocks(p), 256, 0, cuda::stream_of(context), sizes_of(p), static_cast<const T*>(x),
                 static_cast<const T*>(weight), static_cast<const float*>(bias), static_cast<T*>(y));
}

template <void (*F32)(Sizes, const float*, const float*, const float*, float*),
          void (*Bf16)(Sizes, const bf16*, const bf16*, const float*, bf16*), dim3 (*Blocks)(const Problem&)>
Rung conv_rung(const char* name, const char* idea) {
    return rung<conv2d::Kernels>(name, idea, conv2d::table(), [](DType type) {
        return conv2d::Kernels{.forward = type == DType::bf16 ? forward<bf16, Bf16, Blocks> : forward<float, F32, Blocks>};
    });
}

const bool added =
    add({.op = "conv2d",
         .directions = {"forward"},
         .types = {DType::f32, DType::bf16},
         .rungs = {conv_rung<conv_thread_kernel<float>, conv_thread_kernel<bf16>, threads_as_elements>("thread", "a thread an element"),
                   conv_rung<conv_warp_kernel<float>, conv_warp_kernel<bf16>, warps_as_elements>("warp",
                                                                                                 "a warp an element, lanes along channels"),
                   conv_rung<conv_shared_kernel<float>, conv_shared_kernel<bf16>, tiles<16>>("shared", "tiles of 16 x 16 in shared memory"),
                   conv_rung<conv_registers_kernel<float>, conv_registers_kernel<bf16>, tiles<64>>("registers", "4 x 4 results a thread"),
                   product("no divisions, copies under way during arithmetic; bf16: tensor cores")}});

}  // namespace
}  // namespace purnet::lab
