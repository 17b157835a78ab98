// Softmax over space, forward: y[o,k,i] = e^(x[o,k,i] - M[o,i]) / Z[o,i] over k < length; a map is one (o,i), its elements lie
// `inner` apart. Sums are float64. Every rung takes about 20 FLOP an element and is bound by memory, or by too few threads.
#include "kernels/lab/lab.h"
#include "kernels/lab/rows.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/softmax/softmax.h"
#include "kernels/tile/reduce.h"

namespace purnet::lab {
namespace {

using softmax::Problem;

// One thread a map, three walks down it: maximum, sum, result. Neighbouring lanes stand on neighbouring maps: where inner >= 32
// every access is whole sectors. Bytes: 3 reads, 1 write of the tensor. But a batch of 4 with 128 channels has 512 maps: two
// blocks, on a device with 132 multiprocessors. The sum has the order of k.
__global__ void __launch_bounds__(256) softmax_thread_kernel(Problem p, const float* x, float* y) {
    const int64_t map = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (map >= p.outer * p.inner) return;
    const int64_t first = map / p.inner * p.length * p.inner + map % p.inner;
    float most = -INFINITY;
    for (int64_t k = 0; k < p.length; ++k) most = fmaxf(most, x[first + k * p.inner]);
    double sum = 0;
    for (int64_t k = 0; k < p.length; ++k) sum += static_cast<double>(expf(x[first + k * p.inner] - most));
    const float share = static_cast<float>(1.0 / sum);
    for (int64_t k = 0; k < p.length; ++k) y[first + k * p.inner] = expf(x[first + k * p.inner] - most) * share;
}

// One block a map, its threads side by side down the map: 256 times the threads. But lanes now stand `inner` elements apart, each on a
// sector of its own, of which it uses 4 bytes of 32. Bytes wanted: 3 reads, 1 write; moved: up to 8 times that. The sum: each
// thread its rows in order, then the tree of block_reduce.
__global__ void __launch_bounds__(256) softmax_block_kernel(Problem p, const float* x, float* y) {
    const int64_t map = blockIdx.x, first = map / p.inner * p.length * p.inner + map % p.inner;
    float most = -INFINITY;
    for (int64_t k = threadIdx.x; k < p.length; k += 256) most = fmaxf(most, x[first + k * p.inner]);
    most = tile::block_reduce<tile::Max>(most, -INFINITY);
    double sum = 0;
    for (int64_t k = threadIdx.x; k < p.length; k += 256) sum += static_cast<double>(expf(x[first + k * p.inner] - most));
    const float share = static_cast<float>(1.0 / tile::block_reduce<tile::Sum>(sum, 0.0));
    for (int64_t k = threadIdx.x; k < p.length; k += 256) y[first + k * p.inner] = expf(x[first + k * p.inner] - most) * share;
}

// Where a thread of a 32-map tile stands: grid (tiles of inner, outer).
struct Place {
    int64_t first;  // element 0 of its map
    int row;        // its rows: row, row + 8, ...
    bool inside;
};
__device__ __forceinline__ Place place_of(const Problem& p) {
    const int64_t i = static_cast<int64_t>(blockIdx.x) * lanes + threadIdx.x % lanes;
    return {blockIdx.y * p.length * p.inner + i, static_cast<int>(threadIdx.x) / lanes, i < p.inner};
}

// A block owns 32 neighbouring maps: 32 lanes along memory, 8 rows of threads down the maps. Whole sectors again, and 8 times the
// threads of the first rung. Bytes: 3 reads, 1 write. The sum: each thread its rows in order, then the 8 rows in order.
__global__ void __launch_bounds__(256) softmax_tile_kernel(Problem p, const float* x, float* y) {
    const Place at = place_of(p);
    const int64_t length = at.inside ? p.length : 0;
    float most = -INFINITY;
    for (int64_t k = at.row; k < length; k += thread_rows) most = fmaxf(most, x[at.first + k * p.inner]);
    most = down_the_rows<tile::Max>(most);
    double sum = 0;
    for (int64_t k = at.row; k < length; k += thread_rows) sum += static_cast<double>(expf(x[at.first + k * p.inner] - most));
    const float share = static_cast<float>(1.0 / down_the_rows<tile::Sum>(sum));
    for (int64_t k = at.row; k < length; k += thread_rows) y[at.first + k * p.inner] = expf(x[at.first + k * p.inner] - most) * share;
}

// The same tile, maximum and sum in one walk: a thread keeps the largest value so far and the sum relative to it, and scales the sum
// when a larger one comes. Bytes: 2 reads, 1 write. Still one exponential an element and walk: of v and m, one is the larger.
__global__ void __launch_bounds__(256) softmax_online_kernel(Problem p, const float* x, float* y) {
    const Place at = place_of(p);
    const int64_t length = at.inside ? p.length : 0;
    float m = -INFINITY;
    double z = 0;
    for (int64_t k = at.row; k < length; k += thread_rows) {
        const float v = x[at.first + k * p.inner];
        const double e = static_cast<double>(expf(-fabsf(v - m)));
        z = v > m ? z * e + 1.0 : z + e;
        m = fmaxf(m, v);
    }
    const float most = down_the_rows<tile::Max>(m);
    const double sum = down_the_rows<tile::Sum>(z == 0.0 ? 0.0 : z * static_cast<double>(expf(m - most)));
    const float share = static_cast<float>(1.0 / sum);
    for (int64_t k = at.row; k < length; k += thread_rows) y[at.first + k * p.inner] = expf(x[at.first + k * p.inner] - most) * share;
}

using Kernel = void (*)(Problem, const float*, float*);
using Grid = dim3 (*)(const Problem&);

dim3 threads_as_maps(const Problem& p) { return cuda::blocks_for(p.outer * p.inner, 256); }
dim3 blocks_as_maps(const Problem& p) { return static_cast<unsigned>(p.outer * p.inner); }
dim3 tiles_of_maps(const Problem& p) {
    require(p.outer <= 65535, "softmax of ", p.outer, " groups is more than this rung's grid holds");
    return {cuda::blocks_for(p.inner, lanes), static_cast<unsigned>(p.outer)};
}

template <Kernel Function, Grid Blocks>
void forward(const Problem& p, const void* x, void* y, void*, const Context& context) {
    const auto text = [&] { return concat(p.outer, " x ", p.length, " x ", p.inner); };
    const OpScope op("lab softmax forward", text);
    cuda::launch(Function, Blocks(p), 256, 0, cuda::stream_of(context), p, static_cast<const float*>(x), static_cast<float*>(y));
}

template <Kernel Function, Grid Blocks>
Rung softmax_rung(const char* name, const char* idea) {
    return rung<softmax::Kernels>(name, idea, softmax::table(),
                                  [](DType) { return softmax::Kernels{.forward = forward<Function, Blocks>}; });
}

const bool added = add({.op = "softmax",
                        .directions = {"forward"},
                        .types = {DType::f32},
                        .rungs = {softmax_rung<softmax_thread_kernel, threads_as_maps>("thread", "a thread a map"),
                                  softmax_rung<softmax_block_kernel, blocks_as_maps>("block", "a block a map"),
                                  softmax_rung<softmax_tile_kernel, tiles_of_maps>("tile", "a block 32 neighbouring maps"),
                                  softmax_rung<softmax_online_kernel, tiles_of_maps>("online", "maximum and sum in one walk"),
                                  product("rows cut over blocks, 16 bytes a lane")}});

}  // namespace
}  // namespace purnet::lab
