#include "kernels/overlap/overlap.h"

#include "kernels/overlap/overlap_blocks.h"
#include "kernels/runtime/cuda/counters.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/math.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/reduce.h"
#include "kernels/tile/vector.h"

namespace purnet::overlap {
namespace {

// The formulas are the contract's. Two launches, since a pixel's gradient needs the sums of its whole image: the sums, by block, by image
// (the last block of an image) and the loss (the last image); then the gradient. Both move vectors of 16 bytes where images begin at
// such addresses. Bytes: z and g twice, dz once; the second reading of a batch that fits the L2 cache comes from there.

// Elements of block `block` of an image are the vectors first .. last - 1 of it.
struct Share {
    int64_t first, last;
};
__device__ __forceinline__ Share share_of(int64_t vectors) {
    return {vectors * blockIdx.x / gridDim.x, vectors * (blockIdx.x + 1) / gridDim.x};
}

// Grid (blocks of an image, images). Sums I and U of each block; the last block of an image leaves the image's in the place of block 0, the
// last image adds up the loss. Lanes along memory.
template <int V, class T>
__global__ void __launch_bounds__(256) sums_kernel(const T* z, const T* g, int64_t pixels, Sums* sums, float* loss, unsigned* counter) {
    const int64_t base = static_cast<int64_t>(blockIdx.y) * pixels;
    const Share share = share_of(pixels / V);
    ptx::wait_for_launches();
    double both = 0, either = 0;
    for (int64_t at = share.first + threadIdx.x; at < share.last; at += blockDim.x) {
        const tile::Pack<V> a = tile::load<V>(z + base + at * V), b = tile::load<V>(g + base + at * V);
        float in = 0, out = 0;
#pragma unroll
        for (int i = 0; i < V; ++i) {
            const tile::Sigmoid s = tile::sigmoid_parts(a[i]);
            in += s.p * b[i];
            out += s.p + s.q * b[i];
        }
        both += static_cast<double>(in);
        either += static_cast<double>(out);
    }
    both = tile::block_reduce<tile::Sum>(both, 0.0);
    either = tile::block_reduce<tile::Sum>(either, 0.0);
    Sums* image = sums + static_cast<int64_t>(blockIdx.y) * gridDim.x;
    if (threadIdx.x == 0) image[blockIdx.x] = {both, either};
    if (!tile::last_block(counter + blockIdx.y, gridDim.x)) return;
    if (threadIdx.x == 0) {
        Sums total = image[0];
        for (unsigned b = 1; b < gridDim.x; ++b) {
            total.both += image[b].both;
            total.either += image[b].either;
        }
        image[0] = total;
    }
    if (!tile::last_block(counter + gridDim.y, gridDim.y)) return;
    double total = 0;
    for (unsigned n = threadIdx.x; n < gridDim.y; n += blockDim.x) {
        const Sums of = sums[static_cast<int64_t>(n) * gridDim.x];
        total += 1.0 - (of.both + 1.0) / (of.either + 1.0);
    }
    total = tile::block_reduce<tile::Sum>(total, 0.0);
    if (threadIdx.x == 0) *loss = static_cast<float>(total / gridDim.y);
}

// dz = p (1 - p) (inside g + outside (1 - g)). Grid as above.
template <int V, class T>
__global__ void __launch_bounds__(256) gradient_kernel(const T* z, const T* g, int64_t pixels, const Sums* sums, float* dz) {
    const int64_t base = static_cast<int64_t>(blockIdx.y) * pixels;
    const Share share = share_of(pixels / V);
    ptx::wait_for_launches();
    const Sums of = sums[static_cast<int64_t>(blockIdx.y) * gridDim.x];
    const double whole = of.either + 1.0, images = gridDim.y;
    const float inside = static_cast<float>(-1.0 / (whole * images)),
                outside = static_cast<float>((of.both + 1.0) / (whole * whole * images));
    for (int64_t at = share.first + threadIdx.x; at < share.last; at += blockDim.x) {
        const tile::Pack<V> a = tile::load<V>(z + base + at * V), b = tile::load<V>(g + base + at * V);
        constexpr int width = V < 4 ? V : 4;  // float32 values of one store
#pragma unroll
        for (int part = 0; part < V; part += width) {
            tile::Pack<width> d;
#pragma unroll
            for (int i = 0; i < width; ++i) {
                const tile::Sigmoid s = tile::sigmoid_parts(a[part + i]);
                d[i] = s.p * s.q * (inside * b[part + i] + outside * (1.0f - b[part + i]));
            }
            tile::store(dz + base + at * V + part, d);
        }
    }
}

template <class T>
void forward(const Problem& p, const T* z, const T* g, float* loss, float* dz, void* workspace, const Context& context) {
    const auto text = [&] { return concat(p.images, " images of ", p.pixels, " pixels"); };
    const OpScope op("overlap loss", text);
    constexpr int V = tile::vector_of<T>;
    const bool vectors = p.pixels % V == 0 && tile::aligned_16(z) && tile::aligned_16(g) && (!dz || tile::aligned_16(dz));
    const cudaStream_t stream = cuda::stream_of(context);
    const dim3 grid(static_cast<unsigned>(blocks_of(p).blocks), static_cast<unsigned>(p.images));
    auto* sums = static_cast<Sums*>(workspace);
    cuda::launch_early(vectors ? sums_kernel<V, T> : sums_kernel<1, T>, grid, 256, 0, stream, z, g, p.pixels, sums, loss,
                       cuda::counters(static_cast<int>(p.images) + 1));
    if (dz) cuda::launch_early(vectors ? gradient_kernel<V, T> : gradient_kernel<1, T>, grid, 256, 0, stream, z, g, p.pixels, sums, dz);
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::overlap
