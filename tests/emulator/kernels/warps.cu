#include "tests/emulator/kernels/warps.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/shared.h"

namespace purnet::seeded {
namespace {

constexpr unsigned all_lanes = 0xffffffffu;

__global__ void shuffles_kernel(int* out, int operand, int width) {
    const int lane = static_cast<int>(threadIdx.x), value = lane + 100;
    out[lane] = __shfl_sync(all_lanes, value, operand, width);
    out[32 + lane] = __shfl_up_sync(all_lanes, value, static_cast<unsigned>(operand), width);
    out[64 + lane] = __shfl_down_sync(all_lanes, value, static_cast<unsigned>(operand), width);
    out[96 + lane] = __shfl_xor_sync(all_lanes, value, operand, width);
}

template <class T>
__device__ int wrong_neighbour(T mine, T neighbours) {
    return __shfl_xor_sync(all_lanes, mine, 1) == neighbours ? 0 : 1;
}

__global__ void shuffle_types_kernel(int* out) {
    const int lane = static_cast<int>(threadIdx.x), other = lane ^ 1;
    int wrong = wrong_neighbour(1.5f * lane, 1.5f * other);
    wrong += wrong_neighbour(1e-9 * lane, 1e-9 * other);
    wrong += wrong_neighbour(lane * 0x100000001ll, other * 0x100000001ll);
    wrong += wrong_neighbour(lane * 0x800000001ull, other * 0x800000001ull);
    wrong += wrong_neighbour(static_cast<unsigned>(lane) << 27, static_cast<unsigned>(other) << 27);
    out[lane] = wrong;
}

__global__ void votes_kernel(const int* x, unsigned* out) {
    const int v = x[threadIdx.x];
    unsigned* mine = out + 8 * threadIdx.x;
    mine[0] = __ballot_sync(all_lanes, v > 0);
    mine[1] = static_cast<unsigned>(__any_sync(all_lanes, v > 5));
    mine[2] = static_cast<unsigned>(__all_sync(all_lanes, v > 0));
    mine[3] = __match_any_sync(all_lanes, v);
    mine[4] = static_cast<unsigned>(__reduce_add_sync(all_lanes, v));
    mine[5] = static_cast<unsigned>(__reduce_min_sync(all_lanes, v));
    mine[6] = __reduce_max_sync(all_lanes, static_cast<unsigned>(v));
    mine[7] = __reduce_xor_sync(all_lanes, static_cast<unsigned>(v));
}

__global__ void halves_kernel(const int* x, int* out) {
    const unsigned t = threadIdx.x, half = t % 32 / 16;
    const unsigned mask = half ? 0xffff0000u : 0x0000ffffu;
    int sum = x[t];
    if (half) {
        for (int d = 8; d > 0; d /= 2) sum += __shfl_xor_sync(mask, sum, d, 16);
    } else {
        for (int d = 8; d > 1; d /= 2) sum = max(sum, __shfl_xor_sync(mask, sum, d, 16));
        sum = max(sum, __shfl_xor_sync(mask, sum, 1, 16));
    }
    __syncwarp();
    out[t] = sum + __shfl_xor_sync(all_lanes, sum, 16);
}

__global__ void wrong_masks_kernel(int* out, Mask kind) {
    const int lane = static_cast<int>(threadIdx.x);
    int v = lane;
    switch (kind) {
        case Mask::right: v = __shfl_xor_sync(all_lanes, v, 1); break;
        case Mask::without_caller: v = __shfl_xor_sync(0x0000ffffu, v, 1); break;
        case Mask::of_absent_lane:
            if (lane < 31) v = __shfl_xor_sync(all_lanes, v, 1);
            break;
        case Mask::different: v = __shfl_xor_sync(lane < 16 ? all_lanes : 0xffff0000u | (lane == 16 ? 1u : 0u), v, 1); break;
        case Mask::reads_outside:
            if (lane < 16) v = __shfl_sync(0x0000ffffu, v, 20);
            break;
        case Mask::other_site:
            if (lane < 16)
                v = __shfl_xor_sync(all_lanes, v, 1);
            else
                v = __shfl_xor_sync(all_lanes, v, 1);
            break;
    }
    if (kind == Mask::of_absent_lane) __syncthreads();
    out[lane] = v;
}

__device__ float warp_sum(float v) {
    for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(all_lanes, v, d);
    return v;
}

__device__ float block_sum(float v) {
    SHARED(float, partial, 32);
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    v = warp_sum(v);
    if (lane == 0) partial[warp] = v;
    __syncthreads();
    v = lane < blockDim.x / 32 ? partial[lane] : 0.0f;
    return warp_sum(v);
}

__global__ void block_sums_kernel(const float* x, float* out, int count) {
    float sum = 0;
    for (int i = static_cast<int>(threadIdx.x); i < 1024; i += 256) {
        const int at = static_cast<int>(blockIdx.x) * 1024 + i;
        if (at < count) sum += x[at];
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

__global__ void last_block_kernel(const float* x, float* partial, float* out, unsigned* counter, int count, Fence fence) {
    SHARED(bool, last, 1);
    const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const float sum = block_sum(at < count ? x[at] : 0.0f);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;
        if (fence != Fence::missing_release) __threadfence();
        last[0] = atomicInc(counter, gridDim.x - 1) == gridDim.x - 1;
        if (fence != Fence::missing_acquire) __threadfence();
    }
    __syncthreads();
    if (!last[0]) return;
    float total = 0;
    for (unsigned i = threadIdx.x; i < gridDim.x; i += blockDim.x) total += partial[i];
    total = block_sum(total);
    if (threadIdx.x == 0) *out = total;
}

__global__ void histogram_kernel(const unsigned char* x, int* bins, int count) {
    SHARED(int, own, 256);
    own[threadIdx.x] = 0;
    __syncthreads();
    for (int i = static_cast<int>(blockIdx.x * 256 + threadIdx.x); i < count; i += static_cast<int>(gridDim.x) * 256)
        atomicAdd(&own[x[i]], 1);
    __syncthreads();
    if (own[threadIdx.x]) atomicAdd(&bins[threadIdx.x], own[threadIdx.x]);
}

__global__ void atomics_kernel(int* ints, unsigned* words, unsigned long long* longs, float* floats, double* doubles) {
    const int t = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    atomicAdd(&ints[0], t);
    atomicSub(&ints[1], t);
    atomicMin(&ints[2], -t);
    atomicMax(&ints[3], t);
    atomicAnd(&words[0], ~(1u << (t % 32)));
    atomicOr(&words[1], 1u << (t % 32));
    atomicXor(&words[2], 1u << (t % 32));
    atomicInc(&words[3], 9);
    atomicDec(&words[4], 9);
    unsigned seen = atomicOr(&words[5], 0u);
    for (unsigned before = atomicCAS(&words[5], seen, seen + 3); before != seen; before = atomicCAS(&words[5], seen, seen + 3))
        seen = before;
    atomicAdd(&longs[0], 0x100000000ull);
    atomicMax(&longs[1], static_cast<unsigned long long>(t) << 33);
    atomicAdd(&floats[0], 0.5f);
    atomicAdd(&doubles[0], 0.25);
}

__global__ void race_kernel(int* word) { *word = *word + 1; }

}  // namespace

void shuffles(int* out, int operand, int width) { cuda::launch(shuffles_kernel, 1, 32, 0, nullptr, out, operand, width); }
void shuffle_types(int* out) { cuda::launch(shuffle_types_kernel, 1, 32, 0, nullptr, out); }
void votes(const int* x, unsigned* out) { cuda::launch(votes_kernel, 1, 32, 0, nullptr, x, out); }
void halves(const int* x, int* out) { cuda::launch(halves_kernel, 1, 64, 0, nullptr, x, out); }
void wrong_masks(int* out, Mask mask) { cuda::launch(wrong_masks_kernel, 1, 32, 0, nullptr, out, mask); }
void block_sums(const float* x, float* out, int count) {
    cuda::launch(block_sums_kernel, cuda::blocks_for(count, 1024), 256, 0, nullptr, x, out, count);
}
void last_block_sum(const float* x, float* partial, float* out, unsigned* counter, int count, Fence fence) {
    cuda::launch(last_block_kernel, cuda::blocks_for(count, 64), 64, 0, nullptr, x, partial, out, counter, count, fence);
}
void histogram(const unsigned char* x, int* bins, int count) { cuda::launch(histogram_kernel, 3, 256, 0, nullptr, x, bins, count); }
void atomics(int* ints, unsigned* words, unsigned long long* longs, float* floats, double* doubles, int threads) {
    cuda::launch(atomics_kernel, static_cast<unsigned>(threads / 32), 32, 0, nullptr, ints, words, longs, floats, doubles);
}
void racing_blocks(int* word, int blocks) { cuda::launch(race_kernel, static_cast<unsigned>(blocks), 1, 0, nullptr, word); }
void racing_threads(int* word) { cuda::launch(race_kernel, 1, 2, 0, nullptr, word); }

}  // namespace purnet::seeded
