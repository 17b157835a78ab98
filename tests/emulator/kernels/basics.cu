#include "tests/emulator/kernels/basics.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/shared.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/vector.h"

namespace purnet::seeded {
namespace {

__global__ void twice_kernel(const float* x, float* y, int bound) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < bound) y[i] = 2 * x[i];
}

__global__ void twice_by_4_kernel(const float* x, float* y, int count) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i >= count / 4) return;
    tile::Pack<4> v = tile::load<4>(x + 4 * i);
    for (int k = 0; k < 4; ++k) v[k] *= 2;
    tile::store(y + 4 * i, v);
}

__global__ void places_kernel(int* out) {
    const unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
    const unsigned y = blockIdx.y * blockDim.y + threadIdx.y;
    const unsigned z = blockIdx.z * blockDim.z + threadIdx.z;
    const unsigned nx = gridDim.x * blockDim.x, ny = gridDim.y * blockDim.y;
    out[(z * ny + y) * nx + x] = static_cast<int>(1000000 * z + 1000 * y + x);
}

__global__ void nothing_kernel() {}

__global__ void reverse_kernel(const float* x, float* y, Barrier barrier) {
    SHARED(float, tile, 128);
    const unsigned t = threadIdx.x, base = blockIdx.x * 128;
    const unsigned last = barrier == Barrier::with_exits ? 95 : 127;
    if (t > last) {
        y[base + t] = x[base + t];
        return;
    }
    tile[t] = x[base + t];
    if (barrier == Barrier::divergent && t < 64)
        __syncthreads();
    else if (barrier != Barrier::removed)
        __syncthreads();
    y[base + t] = tile[last - t];
}

__global__ void too_much_static_kernel() {
    SHARED(float, big, 15360);
    big[threadIdx.x] = 0;
}

__global__ void beyond_shared_kernel(float* out) {
    SHARED(float, tile, 64);
    float* p = tile;
    p[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = p[63 - threadIdx.x];
}

__global__ void transpose_kernel(const float* x, float* y, int side) {
    SHARED(float[33], tile, 32);
    const unsigned n = static_cast<unsigned>(side), c = blockIdx.x * 32, r = blockIdx.y * 32;
    for (unsigned k = threadIdx.y; k < 32; k += 8)
        if (r + k < n && c + threadIdx.x < n) tile[k][threadIdx.x] = x[(r + k) * n + c + threadIdx.x];
    __syncthreads();
    for (unsigned k = threadIdx.y; k < 32; k += 8)
        if (c + k < n && r + threadIdx.x < n) y[(c + k) * n + r + threadIdx.x] = tile[threadIdx.x][k];
}

// Barrier 1: the buffer is full; barrier 2: it is empty. Warp 0 fills, warp 1 reads.
__global__ void named_kernel(const int* x, int* y, int rounds, bool forget) {
    SHARED(int, buffer, 32);
    const unsigned lane = threadIdx.x % 32;
    for (int r = 0; r < rounds; ++r) {
        if (threadIdx.x < 32) {
            if (r > 0) ptx::barrier_sync(2, 64);
            buffer[lane] = x[r * 32 + static_cast<int>(lane)];
            if (!forget) ptx::barrier_arrive(1, 64);
        } else {
            ptx::barrier_sync(1, 64);
            y[r * 32 + static_cast<int>(lane)] = buffer[31 - lane];
            if (r + 1 < rounds) ptx::barrier_arrive(2, 64);
        }
    }
}

__global__ void votes_kernel(const int* x, int* out) {
    const int yes = x[blockIdx.x * 64 + threadIdx.x] > 0;
    const int count = __syncthreads_count(yes), all = __syncthreads_and(yes), any = __syncthreads_or(yes);
    if (threadIdx.x == 0) {
        out[3 * blockIdx.x] = count;
        out[3 * blockIdx.x + 1] = all;
        out[3 * blockIdx.x + 2] = any;
    }
}

}  // namespace

void twice(const float* x, float* y, int count, int beyond) {
    cuda::launch(twice_kernel, cuda::blocks_for(count + beyond, 64), 64, 0, nullptr, x, y, count + beyond);
}
void twice_by_4(const float* x, float* y, int count, int skip) {
    cuda::launch(twice_by_4_kernel, cuda::blocks_for(count, 128), 32, 0, nullptr, x + skip, y + skip, count);
}
void places(int* out, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz) {
    cuda::launch(places_kernel, dim3(gx, gy, gz), dim3(bx, by, bz), 0, nullptr, out);
}
void launch_with(unsigned grid, unsigned block, unsigned shared_bytes) { cuda::launch(nothing_kernel, grid, block, shared_bytes, nullptr); }
void reverse_blocks(const float* x, float* y, int blocks, Barrier barrier) {
    cuda::launch(reverse_kernel, static_cast<unsigned>(blocks), 128, 0, nullptr, x, y, barrier);
}
void too_much_static() { cuda::launch(too_much_static_kernel, 1, 32, 0, nullptr); }
void beyond_shared(float* out) { cuda::launch(beyond_shared_kernel, 1, 65, 0, nullptr, out); }
void transpose(const float* x, float* y, int side) {
    const unsigned tiles = static_cast<unsigned>(side + 31) / 32;
    cuda::launch(transpose_kernel, dim3(tiles, tiles), dim3(32, 8), 0, nullptr, x, y, side);
}
void named_barriers(const int* x, int* y, int rounds, bool forget) { cuda::launch(named_kernel, 1, 64, 0, nullptr, x, y, rounds, forget); }
void votes_of_block(const int* x, int* out, int blocks) {
    cuda::launch(votes_kernel, static_cast<unsigned>(blocks), 64, 0, nullptr, x, out);
}

}  // namespace purnet::seeded
