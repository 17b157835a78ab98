#include "kernels/structural/structural.h"

#include "kernels/runtime/cuda/counters.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/structural/structural_grid.h"
#include "kernels/structural/structural_map.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/reduce.h"
#include "kernels/tile/vector.h"

namespace purnet::structural {
namespace {

// The formulas are the contract's. Four launches: the number of regions of each image; sums over each region and, by the last
// block of an image, their means; the pairs of regions, a warp a row, and the loss by the last block; the gradient of each pixel.
// No atomic touches data, so every sum has one order. A label outside 0 .. most_regions - 1 cannot throw from here: the loss and
// the gradient of a batch that holds one are NaN.

constexpr int tile_pixels = 512;

__device__ double* image_part(double* workspace, int64_t image) { return workspace + image * grid_doubles; }
__device__ double* sums_of(double* image) { return image; }                                      // [segment][value][region]
__device__ double* means_of(double* image) { return image + segments * values * most_regions; }  // [value][region]
__device__ double* rows_of(double* image) { return means_of(image) + values * most_regions; }    // [loss, gradient][region]
__device__ double* count_of(double* image) { return rows_of(image) + 2 * most_regions; }         // regions, -1: a bad label

// n = largest label + 1. One block an image, threads stride over its pixels. Bytes: the labels.
__global__ void __launch_bounds__(1024) regions_kernel(const int32_t* labels, int64_t pixels, double* workspace) {
    ptx::wait_for_launches();
    const int32_t* own = labels + blockIdx.x * pixels;
    int32_t high = -1;
    bool bad = false;
    for (int64_t i = threadIdx.x; i < pixels; i += blockDim.x) {
        const int32_t label = own[i];
        bad = bad || label < 0;
        high = label > high ? label : high;
    }
    high = tile::block_reduce<tile::Max>(high, -1);
    const int any_bad = tile::block_reduce<tile::Max>(bad ? 1 : 0, 0);
    if (threadIdx.x == 0) *count_of(image_part(workspace, blockIdx.x)) = any_bad || high >= most_regions ? -1.0 : high + 1.0;
}

// Sums of m, 1 - m, g, 1 - g and 1 over each region. Grid (segments of pixels, groups of 256 regions, images). A thread owns a region: all
// threads read the same pixel of a tile in shared memory, and the one whose label it is adds it, in float64 (each pixel is added
// once, so that costs little). Bytes: z, g and labels once for each group of regions.
template <class T>
__global__ void __launch_bounds__(256)
    sums_kernel(bool second, const T* z, const T* g, const int32_t* labels, int64_t pixels, double* workspace, unsigned* counter) {
    SHARED(int32_t, label, tile_pixels);
    SHARED(float, inside, tile_pixels);
    SHARED(float, outside, tile_pixels);
    SHARED(float, wanted, tile_pixels);
    ptx::wait_for_launches();
    double* image = image_part(workspace, blockIdx.z);
    const int64_t count = static_cast<int64_t>(*count_of(image));
    const int64_t region = static_cast<int64_t>(blockIdx.y) * 256 + threadIdx.x;
    if (static_cast<int64_t>(blockIdx.y) * 256 < count) {
        const int64_t base = static_cast<int64_t>(blockIdx.z) * pixels;
        const int64_t first = pixels * blockIdx.x / segments, last = pixels * (blockIdx.x + 1) / segments;
        double sum[values] = {};
        for (int64_t from = first; from < last; from += tile_pixels) {
            const int here = static_cast<int>(last - from < tile_pixels ? last - from : tile_pixels);
            __syncthreads();
            for (int i = static_cast<int>(threadIdx.x); i < here; i += 256) {
                const MapValue m = map_value(cuda::to_float(z[base + from + i]), second);
                label[i] = labels[base + from + i];
                inside[i] = m.inside;
                outside[i] = m.outside;
                wanted[i] = cuda::to_float(g[base + from + i]);
            }
            __syncthreads();
            for (int i = 0; i < here; ++i) {
                if (label[i] != region) continue;
                const Shares m = shares_of(inside[i], outside[i]);
                sum[0] += m.inside;
                sum[1] += m.outside;
                sum[2] += static_cast<double>(wanted[i]);
                sum[3] += 1.0 - static_cast<double>(wanted[i]);
                sum[4] += 1.0;
            }
        }
        // Those of regions beyond the last, too: nobody reads them.
#pragma unroll
        for (int k = 0; k < values; ++k) sums_of(image)[(blockIdx.x * values + k) * most_regions + region] = sum[k];
    }
    if (!tile::last_block(counter + blockIdx.z, gridDim.x * gridDim.y)) return;
    for (int64_t r = threadIdx.x; r < count; r += blockDim.x) {
        double total[values] = {};
        for (int s = 0; s < segments; ++s)
#pragma unroll
            for (int k = 0; k < values; ++k) total[k] += sums_of(image)[(s * values + k) * most_regions + r];
        const bool empty = total[4] == 0.0;
        double* means = means_of(image) + r;
        means[0] = empty ? 0.0 : total[0] / total[4];
        means[most_regions] = empty ? 1.0 : total[1] / total[4];
        means[2 * most_regions] = empty ? 0.0 : total[2] / total[4];
        means[3 * most_regions] = empty ? 1.0 : total[3] / total[4];
        means[4 * most_regions] = total[4];
    }
}

// Row r: sum over s of (1 + a) ln((1 + a) / (1 + b)) and of (1 - a) / (1 - b) - (1 + a) / (1 + b), in float64. Grid (groups of rows,
// images); a warp owns a row, lanes along s. The last block of the grid adds the rows: the loss. FLOP: about 60 n^2 an image.
__global__ void __launch_bounds__(256) pairs_kernel(double* workspace, float* loss, unsigned* counter) {
    ptx::wait_for_launches();
    const int images = static_cast<int>(gridDim.y), lane = static_cast<int>(threadIdx.x) % 32;
    double* image = image_part(workspace, blockIdx.y);
    const int64_t count = static_cast<int64_t>(*count_of(image));
    const double squared = static_cast<double>(count) * static_cast<double>(count);
    const double *p = means_of(image), *q = p + most_regions, *g = q + most_regions, *h = g + most_regions, *pixels = h + most_regions;
    for (int64_t r = blockIdx.x * 8 + threadIdx.x / 32; r < count; r += gridDim.x * 8) {
        double kl = 0, gradient = 0;
        for (int64_t s = lane; s < count; s += 32) {
            if (s == r) continue;
            const double plus = fmax(p[r] + q[s], least_factor), minus = fmax(q[r] + p[s], least_factor);
            const double a_plus = g[r] + h[s], a_minus = h[r] + g[s];
            if (a_plus > 0.0) kl += a_plus * log(a_plus / plus);
            gradient += a_minus / minus - a_plus / plus;
        }
        kl = tile::warp_reduce<tile::Sum>(kl);
        gradient = tile::warp_reduce<tile::Sum>(gradient);
        if (lane == 0) {
            rows_of(image)[r] = kl / squared;
            rows_of(image)[most_regions + r] = gradient / (squared * pixels[r] * images);  // no pixel asks for that of an empty region
        }
    }
    if (!tile::last_block(counter, gridDim.x * gridDim.y)) return;
    double sum = 0;
    for (int n = 0; n < images; ++n) {
        const double* own = image_part(workspace, n);
        const int64_t rows = static_cast<int64_t>(*count_of(const_cast<double*>(own)));
        if (rows < 0) sum = NAN;
        for (int64_t r = threadIdx.x; r < rows; r += blockDim.x) sum += rows_of(const_cast<double*>(own))[r];
    }
    sum = tile::block_reduce<tile::Sum>(sum, 0.0);
    if (threadIdx.x == 0) *loss = static_cast<float>(sum / images);
}

// dz_i = gradient of the region of pixel i times dm/dz. Grid (pixels, images), one pixel a thread. Bytes: z, labels and dz once.
template <class T>
__global__ void __launch_bounds__(256)
    gradient_kernel(bool second, const T* z, const int32_t* labels, int64_t pixels, double* workspace, float* dz) {
    ptx::wait_for_launches();
    double* image = image_part(workspace, blockIdx.y);
    const bool bad = *count_of(image) < 0.0;
    const int64_t i = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x, at = blockIdx.y * pixels + i;
    if (i >= pixels) return;
    const float gradient = bad ? NAN : static_cast<float>(rows_of(image)[most_regions + labels[at]]);
    dz[at] = gradient * map_value(cuda::to_float(z[at]), second).slope;
}

template <class T>
void forward(const Problem& p, const void* z, const void* g, const int32_t* labels, void* loss, void* dz, void* workspace,
             const Context& context) {
    const auto text = [&] { return concat(p.images, " images of ", p.pixels, " pixels"); };
    const OpScope op("structural loss", text);
    const cudaStream_t stream = cuda::stream_of(context);
    const unsigned images = static_cast<unsigned>(p.images);
    auto* arrays = static_cast<double*>(workspace);
    unsigned* counter = cuda::counters(static_cast<int>(p.images) + 1);
    cuda::launch_early(regions_kernel, images, 1024, 0, stream, labels, p.pixels, arrays);
    cuda::launch_early(sums_kernel<T>, dim3(segments, most_regions / 256, images), 256, 0, stream, p.second_sigmoid,
                       static_cast<const T*>(z), static_cast<const T*>(g), labels, p.pixels, arrays, counter);
    cuda::launch_early(pairs_kernel, dim3(32, images), 256, 0, stream, arrays, static_cast<float*>(loss), counter + p.images);
    if (dz)
        cuda::launch_early(gradient_kernel<T>, dim3(cuda::blocks_for(p.pixels, 256), images), 256, 0, stream, p.second_sigmoid,
                           static_cast<const T*>(z), labels, p.pixels, arrays, static_cast<float*>(dz));
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = forward<float>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = forward<bf16>});
    return true;
}();

}  // namespace
}  // namespace purnet::structural
