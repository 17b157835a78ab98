// Batch norm with PReLU (or another activation), backward. With h = (x - m) s, u = gamma h + beta + before, g = dy act'(u), for r < rows:
//     dbeta_c = sum_r g    dgamma_c = sum_r g h    dslope = sum_rc dy min(u, 0)    dbefore = g
//     dx = gamma s (g - dbeta / rows - h dgamma / rows)
// so dx has to wait for sums over all rows: two walks over memory at least. Sums are float64 beyond a thread, about 30 FLOP an
// element: every rung is bound by memory, or by too few threads. Bytes below count tensors of rows x C without `before`.
#include "kernels/batch_norm/activation_slope.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/lab/lab.h"
#include "kernels/lab/rows.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/reduce.h"

namespace purnet::lab {
namespace {

using batch_norm::Backward;
using batch_norm::Problem;

struct Operands {
    int64_t rows, channels;
    double share;  // 1 / rows, 0 for fixed statistics
    Activation activation;
    const float *x, *gamma, *beta, *mean, *inverse, *slope, *before, *dy;
    float *dx, *dgamma, *dbeta, *dslope, *dbefore;
    double* totals;  // {3, C}: sums of g, g h, dy min(u, 0)
};

// What an element adds to the three sums, and h.
struct Terms {
    float g, gh, slope, h;
};

struct Channel {
    float m, s, gamma, beta, slope;

    __device__ __forceinline__ Channel(const Operands& o, int64_t c)
        : m(o.mean[c]), s(o.inverse[c]), gamma(o.gamma[c]), beta(o.beta[c]), slope(o.slope ? *o.slope : 0.0f) {}

    __device__ __forceinline__ float normalised(float x) const { return (x - m) * s; }
    __device__ __forceinline__ Terms terms(const Operands& o, int64_t i) const {
        const float h = normalised(o.x[i]), dy = o.dy[i], u = fmaf(gamma, h, beta) + (o.before ? o.before[i] : 0.0f);
        const float g = dy * batch_norm::activation_slope(o.activation, u, slope);
        return {g, g * h, dy * fminf(u, 0.0f), h};
    }
};

// dx from g and h, once the sums are there.
struct Correction {
    float scale, mean_g, mean_gh;

    __device__ __forceinline__ Correction(const Operands& o, const Channel& k, int64_t c)
        : scale(k.gamma * k.s),
          mean_g(static_cast<float>(o.totals[c] * o.share)),
          mean_gh(static_cast<float>(o.totals[o.channels + c] * o.share)) {}
    __device__ __forceinline__ float operator()(float g, float h) const { return scale * ((g - mean_g) - h * mean_gh); }
};

__device__ __forceinline__ void finish_channel(const Operands& o, int64_t c, double g, double gh, double slope) {
    o.totals[c] = g;
    o.totals[o.channels + c] = gh;
    o.totals[2 * o.channels + c] = slope;
    if (o.dbeta) o.dbeta[c] = static_cast<float>(g);
    if (o.dgamma) o.dgamma[c] = static_cast<float>(gh);
}

// dslope: the channels' sums. One block. Bytes: 8 C.
__global__ void __launch_bounds__(256) slope_kernel(Operands o) {
    double sum = 0;
    for (int64_t c = threadIdx.x; c < o.channels; c += 256) sum += o.totals[2 * o.channels + c];
    sum = tile::block_reduce<tile::Sum>(sum, 0.0);
    if (threadIdx.x == 0) *o.dslope = static_cast<float>(sum);
}

// One thread a channel, two walks down it: sums, then dx. Neighbouring lanes stand on neighbouring channels: whole sectors. But a
// layer of 128 channels has 128 threads, each with a chain of rows loads. Bytes: 4 reads (x and dy, twice), 1 write.
__global__ void __launch_bounds__(256) channel_kernel(Operands o) {
    const int64_t c = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (c >= o.channels) return;
    const Channel k(o, c);
    double g = 0, gh = 0, slope = 0;
    for (int64_t r = 0; r < o.rows; ++r) {
        const Terms t = k.terms(o, r * o.channels + c);
        g += static_cast<double>(t.g);
        gh += static_cast<double>(t.gh);
        slope += static_cast<double>(t.slope);
    }
    finish_channel(o, c, g, gh, slope);
    const Correction dx(o, k, c);
    for (int64_t r = 0; r < o.rows; ++r) {
        const int64_t i = r * o.channels + c;
        const Terms t = k.terms(o, i);
        if (o.dx) o.dx[i] = dx(t.g, t.h);
        if (o.dbefore) o.dbefore[i] = t.g;
    }
}

// One block a channel, its threads side by side down the rows: 256 times the threads, but lanes stand C elements apart, each on a
// sector of its own of which it uses 4 bytes of 32. Bytes wanted: 4 reads, 1 write; moved: up to 8 times that.
__global__ void __launch_bounds__(256) block_kernel(Operands o) {
    const int64_t c = blockIdx.x;
    const Channel k(o, c);
    double g = 0, gh = 0, slope = 0;
    for (int64_t r = threadIdx.x; r < o.rows; r += 256) {
        const Terms t = k.terms(o, r * o.channels + c);
        g += static_cast<double>(t.g);
        gh += static_cast<double>(t.gh);
        slope += static_cast<double>(t.slope);
    }
    g = tile::block_reduce<tile::Sum>(g, 0.0);
    gh = tile::block_reduce<tile::Sum>(gh, 0.0);
    slope = tile::block_reduce<tile::Sum>(slope, 0.0);
    if (threadIdx.x == 0) finish_channel(o, c, g, gh, slope);
    __syncthreads();  // the totals, for Correction
    const Correction dx(o, k, c);
    for (int64_t r = threadIdx.x; r < o.rows; r += 256) {
        const int64_t i = r * o.channels + c;
        const Terms t = k.terms(o, i);
        if (o.dx) o.dx[i] = dx(t.g, t.h);
        if (o.dbefore) o.dbefore[i] = t.g;
    }
}

// ---- Tiles of 32 channels by a chunk of the rows: grid (tiles, chunks), lanes along memory, all multiprocessors busy ----
// partial[(chunk 3 + k) C + c], added by finish_kernel in the order of the chunks.

struct Tile {
    int64_t c, first, last;
    bool inside;
};
__device__ __forceinline__ Tile tile_of(const Operands& o) {
    const int64_t c = static_cast<int64_t>(blockIdx.x) * lanes + threadIdx.x % lanes, chunk = blockIdx.y, chunks = gridDim.y;
    return {c < o.channels ? c : 0, o.rows * chunk / chunks + threadIdx.x / lanes, o.rows * (chunk + 1) / chunks, c < o.channels};
}

// The activation's backward alone: g into dx, and the sums for dslope. Bytes: 2 reads, 1 write.
__global__ void __launch_bounds__(256) gradient_pass_kernel(Operands o, double* partial) {
    const Tile at = tile_of(o);
    const Channel k(o, at.c);
    double slope = 0;
    for (int64_t r = at.first; at.inside && r < at.last; r += thread_rows) {
        const int64_t i = r * o.channels + at.c;
        const Terms t = k.terms(o, i);
        o.dx[i] = t.g;
        if (o.dbefore) o.dbefore[i] = t.g;
        slope += static_cast<double>(t.slope);
    }
    slope = down_the_rows<tile::Sum>(slope);
    if (at.inside && threadIdx.x < lanes) partial[(blockIdx.y * 3 + 2) * o.channels + at.c] = slope;
}

// Sums of g and g h. Bytes: 2 reads.
__global__ void __launch_bounds__(256) sums_pass_kernel(Operands o, double* partial) {
    const Tile at = tile_of(o);
    const Channel k(o, at.c);
    double g = 0, gh = 0;
    for (int64_t r = at.first; at.inside && r < at.last; r += thread_rows) {
        const int64_t i = r * o.channels + at.c;
        g += static_cast<double>(o.dx[i]);
        gh += static_cast<double>(o.dx[i] * k.normalised(o.x[i]));
    }
    g = down_the_rows<tile::Sum>(g);
    gh = down_the_rows<tile::Sum>(gh);
    if (!at.inside || threadIdx.x >= lanes) return;
    partial[blockIdx.y * 3 * o.channels + at.c] = g;
    partial[(blockIdx.y * 3 + 1) * o.channels + at.c] = gh;
}

// Adds the chunks, a thread a channel. Bytes: 24 C a chunk.
__global__ void __launch_bounds__(256) finish_kernel(Operands o, const double* partial, int64_t chunks) {
    const int64_t c = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x;
    if (c >= o.channels) return;
    double total[3] = {};
    for (int64_t b = 0; b < chunks; ++b)
        for (int k = 0; k < 3; ++k) total[k] += partial[(b * 3 + k) * o.channels + c];
    finish_channel(o, c, total[0], total[1], total[2]);
}

// dx from the g that lies in it. Bytes: 2 reads, 1 write.
__global__ void __launch_bounds__(256) correction_pass_kernel(Operands o) {
    const Tile at = tile_of(o);
    const Channel k(o, at.c);
    const Correction dx(o, k, at.c);
    for (int64_t r = at.first; at.inside && r < at.last; r += thread_rows) {
        const int64_t i = r * o.channels + at.c;
        o.dx[i] = dx(o.dx[i], k.normalised(o.x[i]));
    }
}

void run_channel(const Operands& o, double*, cudaStream_t stream) {
    cuda::launch(channel_kernel, cuda::blocks_for(o.channels, 256), 256, 0, stream, o);
}

void run_block(const Operands& o, double*, cudaStream_t stream) {
    cuda::launch(block_kernel, static_cast<unsigned>(o.channels), 256, 0, stream, o);
}

// Activation and normalisation one after the other, as two layers would do it. Bytes: 6 reads, 2 writes.
void run_passes(const Operands& o, double* partial, cudaStream_t stream) {
    require(o.dx, "lab batch_norm backward: this rung keeps g in dx, which is null");
    const int64_t chunks = row_chunks(o.rows, o.channels);
    const dim3 grid(cuda::blocks_for(o.channels, lanes), static_cast<unsigned>(chunks));
    cuda::launch(gradient_pass_kernel, grid, 256, 0, stream, o, partial);
    cuda::launch(sums_pass_kernel, grid, 256, 0, stream, o, partial);
    cuda::launch(finish_kernel, cuda::blocks_for(o.channels, 256), 256, 0, stream, o, partial, chunks);
    cuda::launch(correction_pass_kernel, grid, 256, 0, stream, o);
}

template <void (*Run)(const Operands&, double*, cudaStream_t)>
void backward(const Problem& p, const Backward& b, const Context& context) {
    const auto text = [&] { return concat(p.rows, " rows of ", p.channels, " channels"); };
    const OpScope op("lab batch_norm backward", text);
    const auto in = [](const void* from) { return static_cast<const float*>(from); };
    const auto out = [](void* to) { return static_cast<float*>(to); };
    auto* totals = static_cast<double*>(b.workspace);
    const Operands o{p.rows,        p.channels,     p.training ? 1.0 / static_cast<double>(p.rows) : 0.0,
                     p.activation,  in(b.x),        in(b.gamma),
                     in(b.beta),    in(b.mean),     in(b.inverse),
                     in(b.slope),   in(b.before),   in(b.dy),
                     out(b.dx),     out(b.dgamma),  out(b.dbeta),
                     out(b.dslope), out(b.dbefore), totals};
    const cudaStream_t stream = cuda::stream_of(context);
    Run(o, totals + 3 * p.channels, stream);
    if (o.dslope) cuda::launch(slope_kernel, 1, 256, 0, stream, o);
}

template <void (*Run)(const Operands&, double*, cudaStream_t)>
Rung batch_norm_rung(const char* name, const char* idea) {
    return rung<batch_norm::Kernels>(name, idea, batch_norm::table(), [](DType) { return batch_norm::Kernels{.backward = backward<Run>}; });
}

const bool added =
    add({.op = "batch_norm",
         .directions = {"backward"},
         .types = {DType::f32},
         .rungs = {batch_norm_rung<run_channel>("channel", "a thread a channel"), batch_norm_rung<run_block>("block", "a block a channel"),
                   batch_norm_rung<run_passes>("passes", "tiles of 32 channels by a chunk of rows, a pass an operation"),
                   product("u computed anew instead of kept, 16 bytes a lane")}});

}  // namespace
}  // namespace purnet::lab
