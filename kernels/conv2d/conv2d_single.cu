#include "kernels/conv2d/conv2d_single_cuda.h"

#include <algorithm>

#include "kernels/conv2d/conv2d_launch.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/reduce.h"

namespace purnet::conv2d::implicit::single {
namespace {

constexpr int threads = 256, lanes = 32;

// y[n,p,q] = epilogue of the sum over ky,kx of weight[ky,kx] x[n, p s - top + ky, q s - left + kx]. A warp an output: lane l takes the taps
// l, l + 32, ..., which lie side by side in rows of x, and the warp adds its lanes in a fixed tree. Bytes: x once but for what neighbouring
// windows share, through the caches, y once; 2 taps FLOP an output.
template <class T>
__global__ void __launch_bounds__(threads) window_kernel(Problem32 p, const T* x, const T* weight, tile::Epilogue<T> epilogue, T* y) {
    const int64_t all = static_cast<int64_t>(p.n) * p.out_h * p.out_w;
    const int64_t at = static_cast<int64_t>(blockIdx.x) * (threads / lanes) + threadIdx.x / lanes;
    ptx::wait_for_launches();
    if (at >= all) return;  // whole warps
    const int q = static_cast<int>(at % p.out_w), line = static_cast<int>(at / p.out_w), n = line / p.out_h;
    const int h0 = line % p.out_h * p.stride - p.top, w0 = q * p.stride - p.left, taps = p.kh * p.kw;
    const T* picture = x + static_cast<int64_t>(n) * p.h * p.w;
    float sum[1] = {};
    for (int tap = static_cast<int>(threadIdx.x) % lanes; tap < taps; tap += lanes) {
        const int ky = tap / p.kw, h = h0 + ky, w = w0 + tap - ky * p.kw;
        if (static_cast<unsigned>(h) < static_cast<unsigned>(p.h) && static_cast<unsigned>(w) < static_cast<unsigned>(p.w))
            sum[0] = fmaf(cuda::to_float(weight[tap]), cuda::to_float(picture[static_cast<int64_t>(h) * p.w + w]), sum[0]);
    }
    sum[0] = tile::warp_reduce<tile::Sum>(sum[0]);
    if (threadIdx.x % lanes == 0) tile::finish_row(y, at, 0, sum, 1, false, epilogue);
}

// dx[n,h,w] = epilogue of the sum over ky,kx with h + top - ky = i s, w + left - kx = j s of weight[ky,kx] dy[n,i,j]: every s-th tap in
// either direction, four of those of a decoder's kernels, which are twice as wide as their stride. A thread an element, in the order
// of the taps. Bytes: dx once, dy through the caches; 2 ceil(k / s)^2 FLOP an element: limited by bandwidth.
template <class T>
__global__ void __launch_bounds__(threads) spread_kernel(Problem32 p, const T* dy, const T* weight, tile::Epilogue<T> epilogue, T* dx) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
    ptx::wait_for_launches();
    if (at >= static_cast<int64_t>(p.n) * p.h * p.w) return;
    const int line = static_cast<int>(at / p.w), n = line / p.h;
    const int h = line % p.h + p.top, w = static_cast<int>(at % p.w) + p.left, i0 = h / p.stride, j0 = w / p.stride;
    const T* map = dy + static_cast<int64_t>(n) * p.out_h * p.out_w;
    float sum[1] = {};
    for (int ky = h - i0 * p.stride, i = i0; ky < p.kh && i >= 0; ky += p.stride, --i) {
        if (i >= p.out_h) continue;
        for (int kx = w - j0 * p.stride, j = j0; kx < p.kw && j >= 0; kx += p.stride, --j)
            if (j < p.out_w)
                sum[0] = fmaf(cuda::to_float(weight[ky * p.kw + kx]), cuda::to_float(map[static_cast<int64_t>(i) * p.out_w + j]), sum[0]);
    }
    tile::finish_row(dx, at, 0, sum, 1, false, epilogue);
}

// dweight[ky,kx] = sum over n,p,q of dy[n,p,q] x[n, p s - top + ky, q s - left + kx]. Grid (tiles of `width` taps, chunks of lines of dy):
// a thread has one tap and every (threads / width)-th pixel of a line; those of a tap are added in float64, pixel lane by pixel lane, the
// chunks in order by the last block of a tile. Bytes: dy and x once for each tile, x ceil(k / s)^2 times from the first cache.
template <class T>
__global__ void __launch_bounds__(threads)
    weights_kernel(Problem32 p, int width, const T* x, const T* dy, float* dweight, double* partial, unsigned* counter) {
    SHARED(float, added, threads);
    const int taps = p.kh * p.kw, own = static_cast<int>(threadIdx.x) % width, tap = static_cast<int>(blockIdx.x) * width + own;
    const int pixel_lanes = threads / width, pixel_lane = static_cast<int>(threadIdx.x) / width;
    const int lines = p.n * p.out_h, chunks = static_cast<int>(gridDim.y);
    const int first = static_cast<int>(static_cast<int64_t>(lines) * blockIdx.y / chunks);
    const int last = static_cast<int>(static_cast<int64_t>(lines) * (blockIdx.y + 1) / chunks);
    ptx::wait_for_launches();
    float sum = 0;
    if (tap < taps && pixel_lane < pixel_lanes) {
        const int ky = tap / p.kw, kx = tap - ky * p.kw;
        for (int line = first; line < last; ++line) {
            const int n = line / p.out_h, h = (line - n * p.out_h) * p.stride - p.top + ky;
            if (static_cast<unsigned>(h) >= static_cast<unsigned>(p.h)) continue;
            const T* row = x + (static_cast<int64_t>(n) * p.h + h) * p.w;
            const T* gradients = dy + static_cast<int64_t>(line) * p.out_w;
            for (int q = pixel_lane; q < p.out_w; q += pixel_lanes) {
                const int w = q * p.stride - p.left + kx;
                if (static_cast<unsigned>(w) < static_cast<unsigned>(p.w))
                    sum = fmaf(cuda::to_float(gradients[q]), cuda::to_float(row[w]), sum);
            }
        }
    }
    added[threadIdx.x] = sum;
    __syncthreads();
    const bool owner = tap < taps && pixel_lane == 0;
    if (owner) {
        double total = 0;
        for (int lane = 0; lane < pixel_lanes; ++lane) total += static_cast<double>(added[lane * width + own]);
        partial[static_cast<int64_t>(blockIdx.y) * taps + tap] = total;
    }
    if (!tile::last_block(counter + blockIdx.x, static_cast<unsigned>(chunks)) || !owner) return;
    double total = 0;
    for (int chunk = 0; chunk < chunks; ++chunk) total += partial[static_cast<int64_t>(chunk) * taps + tap];
    dweight[tap] = static_cast<float>(total);
}

// A tile of taps: whole warps, so that neighbouring lanes lie on neighbouring pixels of x; small ones leave threads for more pixels.
int width_of(const Problem& p) { return static_cast<int>(std::min<int64_t>((p.kh * p.kw + lanes - 1) / lanes * lanes, threads)); }
// Lines of dy: a block has several, a device many blocks.
int64_t chunks_of(const Problem& p) { return std::min<int64_t>(p.n * p.out_h(), 264); }

}  // namespace

size_t weights_workspace(const Problem& p) { return static_cast<size_t>(chunks_of(p) * p.kh * p.kw) * sizeof(double); }

template <class T>
void forward(const Problem& p, const T* x, const T* weight, const tile::Epilogue<T>& epilogue, T* y, const Context& context) {
    cuda::launch_early(window_kernel<T>, cuda::blocks_for(p.y_count(), threads / lanes), threads, 0, cuda::stream_of(context), narrow(p), x,
                       weight, epilogue, y);
}

template <class T>
void backward_data(const Problem& p, const T* dy, const T* weight, const tile::Epilogue<T>& epilogue, T* dx, const Context& context) {
    cuda::launch_early(spread_kernel<T>, cuda::blocks_for(p.x_count(), threads), threads, 0, cuda::stream_of(context), narrow(p), dy,
                       weight, epilogue, dx);
}

template <class T>
void backward_weights(const Problem& p, const T* x, const T* dy, float* dweight, void* workspace, const Context& context) {
    const int width = width_of(p);
    const dim3 grid(cuda::blocks_for(p.kh * p.kw, width), static_cast<unsigned>(chunks_of(p)));
    cuda::launch_early(weights_kernel<T>, grid, threads, 0, cuda::stream_of(context), narrow(p), width, x, dy, dweight,
                       static_cast<double*>(workspace), cuda::counters(static_cast<int>(grid.x)));
}

template void forward(const Problem&, const float*, const float*, const tile::Epilogue<float>&, float*, const Context&);
template void forward(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, const Context&);
template void backward_data(const Problem&, const float*, const float*, const tile::Epilogue<float>&, float*, const Context&);
template void backward_data(const Problem&, const bf16*, const bf16*, const tile::Epilogue<bf16>&, bf16*, const Context&);
template void backward_weights(const Problem&, const float*, const float*, float*, void*, const Context&);
template void backward_weights(const Problem&, const bf16*, const bf16*, float*, void*, const Context&);

}  // namespace purnet::conv2d::implicit::single
