#include "kernels/conv2d/conv2d_depthwise_cuda.h"
#include "kernels/conv2d/conv2d_launch.h"
#include "kernels/tile/ptx.h"

namespace purnet::conv2d::implicit::depthwise {
namespace {

using tile::ColumnLanes;
using tile::Pack;

// Forward:        y[n,p,q,c]  = epilogue of the sum over ky,kx of weight[c,ky,kx] x[n, p s - top + ky d, q s - left + kx d, c]
// Data gradient:  dx[n,h,w,c] = the same sum over the dy that it reached, by phases (conv2d_view.h), with the same loop.
// Tensors as rows of channels (kernels/tile/columns.h): a block owns one line of channels, 8 lanes of 16 bytes, and 32 pixels at a
// time; its weights lie in shared memory tap by tap, where memory holds them channel by channel. Grid (channel tiles, pixels,
// phases). Bytes: source once but for the rows that neighbouring blocks share, through the caches, result once; 2 taps FLOP an
// element: limited by bandwidth. The sum is taken in the order of the taps.
template <int V, class T, bool Forward>
__global__ void __launch_bounds__(256) correlation_kernel(Correlation<T, Forward> product) {
    using Lanes = ColumnLanes<V>;
    SHARED(float[Lanes::width], weight, most_taps);
    product.select(static_cast<int>(blockIdx.z));
    const View& view = product.view;
    const int tile = static_cast<int>(blockIdx.x) * Lanes::width, taps = product.p.kh * product.p.kw;
    ptx::wait_for_launches();
    for (int i = static_cast<int>(threadIdx.x); i < Lanes::width * taps; i += 256) {
        const int c = i / taps, tap = i - c * taps;
        if (tile + c < product.p.c) weight[tap][c] = cuda::to_float(product.weight[static_cast<int64_t>(tile + c) * taps + tap]);
    }
    __syncthreads();
    const int lane = static_cast<int>(threadIdx.x) % Lanes::lanes, channel = tile + lane * V;
    if (channel >= product.p.c) return;
    Pack<V> bias = tile::zeros<V>();
    if (product.epilogue.bias) {
#pragma unroll
        for (int i = 0; i < V; ++i) bias[i] = product.epilogue.bias[channel + i];
    }
    tile::Epilogue<T> epilogue = product.epilogue;
    epilogue.bias = nullptr;  // the sum begins with it: read once a thread
    const int64_t rows = product.rows();
    for (int64_t row = static_cast<int64_t>(blockIdx.y) * Lanes::rows + threadIdx.x / Lanes::lanes; row < rows;
         row += static_cast<int64_t>(gridDim.y) * Lanes::rows) {
        const PixelWalk at(row, view);
        const int h0 = at.p * view.y.scale + view.y.origin, w0 = at.q * view.x.scale + view.x.origin;
        const T* picture = product.source + static_cast<int64_t>(at.n) * view.h * view.w * view.pixel + channel;
        Pack<V> sum = bias;
        for (int jy = 0; jy < view.y.taps; ++jy) {
            const int h = h0 + jy * view.y.step;
            if (static_cast<unsigned>(h) >= static_cast<unsigned>(view.h)) continue;
            for (int jx = 0; jx < view.x.taps; ++jx) {
                const int w = w0 + jx * view.x.step;
                if (static_cast<unsigned>(w) >= static_cast<unsigned>(view.w)) continue;
                const Pack<V> v = tile::load<V>(picture + (static_cast<int64_t>(h) * view.w + w) * view.pixel);
                const float* taps_here = &weight[view.tap(jy, jx)][lane * V];
#pragma unroll
                for (int i = 0; i < V; ++i) sum[i] = fmaf(taps_here[i], v[i], sum[i]);
            }
        }
        tile::finish_row(product.out, product.row_at(row) + channel, channel, sum.at, V, true, epilogue);
    }
}

// dweight[c,ky,kx] = sum over n,p,q of dy[n,p,q,c] x[n, p s - top + ky d, q s - left + kx d, c]. Grid (channel tiles, chunks of pixels,
// ky): a thread keeps the kW sums of its row of taps in registers, so that dy is read once a row; a block adds its threads in float64 row
// lane by row lane, the last block of a tile adds the chunks in order. Bytes: x and dy about kH times, mostly from the second-level
// cache.
template <int V, class T>
__global__ void __launch_bounds__(256) weights_kernel(WeightGradient<T> product, int chunks, double* partial, unsigned* counter) {
    using Lanes = ColumnLanes<V>;
    SHARED(float[Lanes::width], added, Lanes::rows);
    product.select(0);
    const View& view = product.view;
    const int tile = static_cast<int>(blockIdx.x) * Lanes::width, row_lane = static_cast<int>(threadIdx.x) / Lanes::lanes;
    const int lane = static_cast<int>(threadIdx.x) % Lanes::lanes, channel = tile + lane * V;
    const int channels = product.p.c, columns = product.p.kw, ky = static_cast<int>(blockIdx.z);
    const int64_t rows = view.places(product.p.n);
    const int64_t first = rows * blockIdx.y / chunks, last = rows * (blockIdx.y + 1) / chunks;
    ptx::wait_for_launches();
    Pack<V> sum[most_columns];
#pragma unroll
    for (int kx = 0; kx < most_columns; ++kx) sum[kx] = tile::zeros<V>();
    if (channel < channels) {
        for (int64_t row = first + row_lane; row < last; row += Lanes::rows) {
            const PixelWalk at(row, view);
            const int h = at.p * view.y.scale + view.y.origin + ky * view.y.step, w0 = at.q * view.x.scale + view.x.origin;
            if (static_cast<unsigned>(h) >= static_cast<unsigned>(view.h)) continue;
            const Pack<V> g = tile::load<V>(product.dy + row * channels + channel);
            const T* line = product.x + (static_cast<int64_t>(at.n) * view.h + h) * view.w * channels + channel;
#pragma unroll
            for (int kx = 0; kx < most_columns; ++kx) {
                const int w = w0 + kx * view.x.step;
                if (kx < columns && static_cast<unsigned>(w) < static_cast<unsigned>(view.w)) {
                    const Pack<V> v = tile::load<V>(line + static_cast<int64_t>(w) * channels);
#pragma unroll
                    for (int i = 0; i < V; ++i) sum[kx][i] = fmaf(g[i], v[i], sum[kx][i]);
                }
            }
        }
    }
    // partial[((ky chunks + chunk) kW + kx) channels + channel]
    const int own = static_cast<int>(threadIdx.x);
    const bool owns = own < Lanes::width && tile + own < channels;
    double* parts = partial + static_cast<int64_t>(ky) * chunks * columns * channels + tile + own;
#pragma unroll
    for (int kx = 0; kx < most_columns; ++kx) {
        if (kx >= columns) break;
        __syncthreads();
#pragma unroll
        for (int i = 0; i < V; ++i) added[row_lane][lane * V + i] = sum[kx][i];
        __syncthreads();
        if (owns) {
            double total = 0;
            for (int r = 0; r < Lanes::rows; ++r) total += static_cast<double>(added[r][own]);
            parts[(static_cast<int64_t>(blockIdx.y) * columns + kx) * channels] = total;
        }
    }
    if (!tile::last_block(counter + ky * gridDim.x + blockIdx.x, static_cast<unsigned>(chunks)) || !owns) return;
    for (int kx = 0; kx < columns; ++kx) {
        double total = 0;
        for (int64_t chunk = 0; chunk < chunks; ++chunk) total += parts[(chunk * columns + kx) * channels];
        product.out[(static_cast<int64_t>(tile + own) * product.p.kh + ky) * columns + kx] = static_cast<float>(total);
    }
}

int64_t chunks_of(const Problem& p) { return row_chunks(p.n * p.out_h() * p.out_w(), p.c, p.kh); }

template <class T, bool Forward>
void run(const Problem& p, const Correlation<T, Forward>& product, cudaStream_t stream) {
    constexpr int V = tile::vector_of<T>;
    const bool vectors = p.c % V == 0 && tile::aligned_16(product.source, product.out, product.epilogue.before, product.epilogue.after);
    const int64_t s = Forward ? 1 : p.stride;
    const int64_t rows = Forward ? p.n * p.out_h() * p.out_w() : p.n * ((p.h + s - 1) / s) * ((p.w + s - 1) / s);
    const dim3 grid(cuda::blocks_for(p.c, vectors ? ColumnLanes<V>::width : ColumnLanes<1>::width),
                    cuda::blocks_for(rows, 4 * (vectors ? ColumnLanes<V>::rows : ColumnLanes<1>::rows), 65535),
                    static_cast<unsigned>(s * s));
    cuda::launch_early(vectors ? correlation_kernel<V, T, Forward> : correlation_kernel<1, T, Forward>, grid, 256, 0, stream, product);
}

}  // namespace

size_t weights_workspace(const Problem& p) { return static_cast<size_t>(chunks_of(p) * p.kh * p.kw * p.c) * sizeof(double); }

template <class T>
void forward(const Problem& p, const T* x, const T* weight, const tile::Epilogue<T>& epilogue, T* y, const Context& context) {
    run(p, Correlation<T, true>{narrow(p), x, weight, epilogue, y}, cuda::stream_of(context));
}

template <class T>
void backward_data(const Problem& p, const T* dy, const T* weight, const tile::Epilogue<T>& epilogue, T* dx, const Context& context) {
    run(p, Correlation<T, false>{narrow(p), dy, weight, epilogue, dx}, cuda::stream_of(context));
}

template <class T>
void backward_weights(const Problem& p, const T* x, const T* dy, float* dweight, void* workspace, const Context& context) {
    constexpr int V = tile::vector_of<T>;
    const bool vectors = p.c % V == 0 && tile::aligned_16(x, dy);
    const int64_t chunks = chunks_of(p);
    const dim3 grid(cuda::blocks_for(p.c, vectors ? ColumnLanes<V>::width : ColumnLanes<1>::width), static_cast<unsigned>(chunks),
                    static_cast<unsigned>(p.kh));
    cuda::launch_early(vectors ? weights_kernel<V, T> : weights_kernel<1, T>, grid, 256, 0, cuda::stream_of(context),
                       WeightGradient<T>{narrow(p), x, dy, dweight}, static_cast<int>(chunks), static_cast<double*>(workspace),
                       cuda::counters(static_cast<int>(grid.x * grid.z)));
}

template void forward(const Problem&, const float*, const float*, const tile::Epilogue<float>&, float*, const Context&);
template void forward(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, const Context&);
template void backward_data(const Problem&, const float*, const float*, const tile::Epilogue<float>&, float*, const Context&);
template void backward_data(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, const Context&);
template void backward_weights(const Problem&, const float*, const float*, float*, void*, const Context&);
template void backward_weights(const Problem&, const bf16*, const bf16*, float*, void*, const Context&);

}  // namespace purnet::conv2d::implicit::depthwise
