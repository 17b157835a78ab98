// The structural loss (kernels/structural/structural.h): means of the map m and of the mask g over regions, then for all pairs of regions a
// term of the loss and of its gradient, then the gradient of each pixel. 80 FLOP a pixel, about 60 a pair of regions; bytes: z, g and
// labels, 12 a pixel. Sums are float64 and no atomic adds them: whoever owns a result walks what belongs to it, in order.
//
// Labels are 0 .. most_regions - 1: rungs trust that.
#include "kernels/lab/lab.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/structural/structural_grid.h"
#include "kernels/structural/structural_map.h"
#include "kernels/tile/reduce.h"

namespace purnet::lab {
namespace {

using structural::least_factor;
using structural::map_value;
using structural::MapValue;
using structural::most_regions;
using structural::Problem;

// The part of the workspace that belongs to an image.
struct Image {
    double *p, *q, *g, *h, *pixels;  // means of m, 1 - m, g, 1 - g, and |r|
    double *loss, *gradient;         // of a row of pairs
    double* count;                   // regions

    __device__ __forceinline__ Image(double* workspace, int64_t image)
        : p(workspace + image * structural::grid_doubles),
          q(p + most_regions),
          g(q + most_regions),
          h(g + most_regions),
          pixels(h + most_regions),
          loss(pixels + most_regions),
          gradient(loss + most_regions),
          count(gradient + most_regions) {}
    __device__ __forceinline__ int64_t regions() const { return static_cast<int64_t>(*count); }
};

struct Operands {
    Problem problem;
    const float *z, *g;
    const int32_t* labels;
    float *loss, *dz;
    double* workspace;
};

struct Sums {
    double inside = 0, outside = 0, wanted = 0, rest = 0, pixels = 0;

    __device__ __forceinline__ void add(float in, float out, float g) {
        const structural::Shares m = structural::shares_of(in, out);
        inside += m.inside;
        outside += m.outside;
        wanted += static_cast<double>(g);
        rest += 1.0 - static_cast<double>(g);
        pixels += 1.0;
    }
    __device__ __forceinline__ void put_means(const Image& image, int64_t r) const {
        const double share = pixels > 0.0 ? 1.0 / pixels : 0.0, empty = pixels > 0.0 ? 0.0 : 1.0;
        image.p[r] = inside * share;
        image.q[r] = outside * share + empty;
        image.g[r] = wanted * share;
        image.h[r] = rest * share + empty;
        image.pixels[r] = pixels;
    }
};

// The sums over s of row r.
struct Row {
    double p, q, g, h, loss = 0, slope = 0;

    __device__ __forceinline__ Row(const Image& image, int64_t r) : p(image.p[r]), q(image.q[r]), g(image.g[r]), h(image.h[r]) {}
    __device__ __forceinline__ void add(double p_s, double q_s, double g_s, double h_s) {
        const double plus = fmax(p + q_s, least_factor), minus = fmax(q + p_s, least_factor), a_plus = g + h_s, a_minus = h + g_s;
        if (a_plus > 0.0) loss += a_plus * log(a_plus / plus);
        slope += a_minus / minus - a_plus / plus;
    }
    __device__ __forceinline__ void put(const Image& image, int64_t r, int64_t images) const {
        const double squared = *image.count * *image.count;
        image.loss[r] = loss / squared;
        image.gradient[r] = image.pixels[r] == 0.0 ? 0.0 : slope / (squared * image.pixels[r] * static_cast<double>(images));
    }
};

// ---- One thread an image ----

// As one would write it for a processor: a walk over the pixels that adds to their regions, all pairs, a walk that writes. One lane of
// one warp of one multiprocessor works, and a load that is on its way has nobody to cover it.
__global__ void __launch_bounds__(32) image_kernel(Operands o) {
    if (threadIdx.x != 0) return;
    const int64_t at = blockIdx.x, pixels = o.problem.pixels, images = o.problem.images;
    const Image image(o.workspace, at);
    const float *z = o.z + at * pixels, *g = o.g + at * pixels;
    const int32_t* labels = o.labels + at * pixels;
    int64_t count = 0;
    for (int64_t i = 0; i < pixels; ++i) count = labels[i] >= count ? labels[i] + 1 : count;
    *image.count = static_cast<double>(count);
    for (int64_t r = 0; r < count; ++r) image.p[r] = image.q[r] = image.g[r] = image.h[r] = image.pixels[r] = 0.0;
    for (int64_t i = 0; i < pixels; ++i) {
        const MapValue m = map_value(z[i], o.problem.second_sigmoid);
        const structural::Shares shares = structural::shares_of(m.inside, m.outside);
        const int32_t r = labels[i];
        image.p[r] += shares.inside;
        image.q[r] += shares.outside;
        image.g[r] += static_cast<double>(g[i]);
        image.h[r] += 1.0 - static_cast<double>(g[i]);
        image.pixels[r] += 1.0;
    }
    for (int64_t r = 0; r < count; ++r) Sums{image.p[r], image.q[r], image.g[r], image.h[r], image.pixels[r]}.put_means(image, r);
    for (int64_t r = 0; r < count; ++r) {
        Row row(image, r);
        for (int64_t s = 0; s < count; ++s)
            if (s != r) row.add(image.p[s], image.q[s], image.g[s], image.h[s]);
        row.put(image, r, images);
    }
    if (!o.dz) return;
    for (int64_t i = 0; i < pixels; ++i)
        o.dz[at * pixels + i] = static_cast<float>(image.gradient[labels[i]]) * map_value(z[i], o.problem.second_sigmoid).slope;
}

// loss = mean over the images of the rows' sums. One block. Bytes: 8 n an image.
__global__ void __launch_bounds__(256) loss_kernel(Operands o) {
    double sum = 0;
    for (int64_t at = 0; at < o.problem.images; ++at) {
        const Image image(o.workspace, at);
        for (int64_t r = threadIdx.x; r < image.regions(); r += 256) sum += image.loss[r];
    }
    sum = tile::block_reduce<tile::Sum>(sum, 0.0);
    if (threadIdx.x == 0) *o.loss = static_cast<float>(sum / static_cast<double>(o.problem.images));
}

// ---- One thread a region, then a row of pairs, then a pixel ----

// n = largest label + 1. A block an image. Bytes: the labels.
__global__ void __launch_bounds__(256) count_kernel(Operands o) {
    const int32_t* labels = o.labels + blockIdx.x * o.problem.pixels;
    int32_t high = -1;
    for (int64_t i = threadIdx.x; i < o.problem.pixels; i += 256) high = labels[i] > high ? labels[i] : high;
    high = tile::block_reduce<tile::Max>(high, -1);
    if (threadIdx.x == 0) *Image(o.workspace, blockIdx.x).count = high + 1.0;
}

// A thread owns a region and walks all labels of its image; where the label is its own, it fetches z and g and takes the exponential,
// while the other 31 lanes of its warp wait. Grid (regions / 256, images). Every warp reads every label: n / 32 times the bytes.
__global__ void __launch_bounds__(256) region_sums_kernel(Operands o) {
    const Image image(o.workspace, blockIdx.y);
    const int64_t r = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x, base = blockIdx.y * o.problem.pixels;
    if (r >= image.regions()) return;
    Sums sums;
    for (int64_t i = base; i < base + o.problem.pixels; ++i) {
        if (o.labels[i] != r) continue;
        const MapValue m = map_value(o.z[i], o.problem.second_sigmoid);
        sums.add(m.inside, m.outside, o.g[i]);
    }
    sums.put_means(image, r);
}

// A thread owns a row of pairs and walks s; the lanes of a warp read the same four means. Bytes: 32 n for each warp.
__global__ void __launch_bounds__(256) rows_kernel(Operands o) {
    const Image image(o.workspace, blockIdx.y);
    const int64_t r = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x, count = image.regions();
    if (r >= count) return;
    Row row(image, r);
    for (int64_t s = 0; s < count; ++s)
        if (s != r) row.add(image.p[s], image.q[s], image.g[s], image.h[s]);
    row.put(image, r, o.problem.images);
}

// A thread owns a pixel. Bytes: z, labels, dz, and 8 for the region's gradient, from a cache.
__global__ void __launch_bounds__(256) pixels_kernel(Operands o) {
    const Image image(o.workspace, blockIdx.y);
    const int64_t i = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x, at = blockIdx.y * o.problem.pixels + i;
    if (i >= o.problem.pixels) return;
    o.dz[at] = static_cast<float>(image.gradient[o.labels[at]]) * map_value(o.z[at], o.problem.second_sigmoid).slope;
}

// ---- The same owners, with what all of them read in shared memory ----

constexpr int staged = 256;

// 256 pixels at a time: each thread computes the map of one, with all lanes at work, and leaves it in shared memory; then each walks the
// labels there. A word that all lanes read is one turn of the banks. z and g are read once for each 256 regions, whole sectors.
__global__ void __launch_bounds__(256) staged_sums_kernel(Operands o) {
    SHARED(int32_t, label, staged);
    SHARED(float, inside, staged);
    SHARED(float, outside, staged);
    SHARED(float, wanted, staged);
    const Image image(o.workspace, blockIdx.y);
    const int64_t r = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x, base = blockIdx.y * o.problem.pixels;
    if (static_cast<int64_t>(blockIdx.x) * 256 >= image.regions()) return;  // the whole block
    Sums sums;
    for (int64_t first = 0; first < o.problem.pixels; first += staged) {
        const int64_t left = o.problem.pixels - first;
        const int here = static_cast<int>(left < staged ? left : staged), own = static_cast<int>(threadIdx.x);
        __syncthreads();  // nobody reads the pixels before
        if (own < here) {
            const MapValue m = map_value(o.z[base + first + own], o.problem.second_sigmoid);
            label[own] = o.labels[base + first + own];
            inside[own] = m.inside;
            outside[own] = m.outside;
            wanted[own] = o.g[base + first + own];
        }
        __syncthreads();
        for (int i = 0; i < here; ++i)
            if (label[i] == r) sums.add(inside[i], outside[i], wanted[i]);
    }
    if (r < image.regions()) sums.put_means(image, r);
}

// The means of 256 regions at a time in shared memory; a thread owns a row of pairs as before. What is left: n threads for n^2
// terms of three divisions and a logarithm each, in float64.
__global__ void __launch_bounds__(256) staged_rows_kernel(Operands o) {
    SHARED(double[staged], mean, 4);
    const Image image(o.workspace, blockIdx.y);
    const int64_t r = static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x, count = image.regions();
    if (static_cast<int64_t>(blockIdx.x) * 256 >= count) return;  // the whole block
    Row row(image, r < count ? r : 0);
    for (int64_t first = 0; first < count; first += staged) {
        const int64_t left = count - first;
        const int here = static_cast<int>(left < staged ? left : staged), own = static_cast<int>(threadIdx.x);
        __syncthreads();  // nobody reads the means before
        if (own < here) {
            mean[0][own] = image.p[first + own];
            mean[1][own] = image.q[first + own];
            mean[2][own] = image.g[first + own];
            mean[3][own] = image.h[first + own];
        }
        __syncthreads();
        for (int s = 0; s < here; ++s)
            if (first + s != r) row.add(mean[0][s], mean[1][s], mean[2][s], mean[3][s]);
    }
    if (r < count) row.put(image, r, o.problem.images);
}

void run_image(const Operands& o, cudaStream_t stream) {
    cuda::launch(image_kernel, static_cast<unsigned>(o.problem.images), 32, 0, stream, o);
    cuda::launch(loss_kernel, 1, 256, 0, stream, o);
}

// Only the device knows how many regions there are: the grid has room for the most, and blocks without one leave.
using Kernel = void (*)(Operands);
template <Kernel SumsKernel, Kernel RowsKernel>
void run_regions(const Operands& o, cudaStream_t stream) {
    const unsigned images = static_cast<unsigned>(o.problem.images);
    const dim3 regions(most_regions / 256, images);
    cuda::launch(count_kernel, images, 256, 0, stream, o);
    cuda::launch(SumsKernel, regions, 256, 0, stream, o);
    cuda::launch(RowsKernel, regions, 256, 0, stream, o);
    cuda::launch(loss_kernel, 1, 256, 0, stream, o);
    if (o.dz) cuda::launch(pixels_kernel, dim3(cuda::blocks_for(o.problem.pixels, 256), images), 256, 0, stream, o);
}

template <void (*Run)(const Operands&, cudaStream_t)>
void forward(const Problem& p, const void* z, const void* g, const int32_t* labels, void* loss, void* dz, void* workspace,
             const Context& context) {
    const auto text = [&] { return concat(p.images, " images of ", p.pixels, " pixels"); };
    const OpScope op("lab structural loss", text);
    Run({p, static_cast<const float*>(z), static_cast<const float*>(g), labels, static_cast<float*>(loss), static_cast<float*>(dz),
         static_cast<double*>(workspace)},
        cuda::stream_of(context));
}

template <void (*Run)(const Operands&, cudaStream_t)>
Rung structural_rung(const char* name, const char* idea) {
    return rung<structural::Kernels>(name, idea, structural::table(), [](DType) { return structural::Kernels{.forward = forward<Run>}; });
}

const bool added =
    add({.op = "structural",
         .directions = {"forward", "backward"},
         .types = {DType::f32},
         .rungs = {structural_rung<run_image>("image", "a thread an image"),
                   structural_rung<run_regions<region_sums_kernel, rows_kernel>>("region", "a thread a region, a row, a pixel"),
                   structural_rung<run_regions<staged_sums_kernel, staged_rows_kernel>>("staged", "what all threads read in shared memory"),
                   product("pixels cut into segments, a warp a row, last blocks finish")}});

}  // namespace
}  // namespace purnet::lab
