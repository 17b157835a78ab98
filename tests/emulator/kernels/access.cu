#include "tests/emulator/kernels/access.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/shared.h"
#include "kernels/tile/ptx.h"

namespace purnet::seeded {
namespace {

__global__ void exchange_kernel(int* out, Exchange kind) {
    SHARED(int, place, 64);
    const int t = static_cast<int>(threadIdx.x);
    place[t] = t % 32;
    if (kind == Exchange::shuffle)
        __shfl_xor_sync(0xffffffffu, t, 1);
    else
        __syncwarp();
    out[t] = place[kind == Exchange::other_warp ? 63 - t : t / 32 * 32 + 31 - t % 32];
}

__global__ void hand_over_kernel(int* data, unsigned* flag, int* out, bool release) {
    if (blockIdx.x == 0) {
        data[0] = 40;
        data[1] = 2;
        if (release)
            ptx::store_release(flag, 1);
        else
            atomicExch(flag, 1u);
    } else {
        ptx::wait_for_flag(flag, 1);
        *out = data[0] + data[1];
    }
}

__global__ void strided_kernel(const float* x, float* y, int stride) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    y[i] = x[i * stride];
}

__global__ void padded_kernel(const float* x, float* y, int padding) {
    SHARED_DYNAMIC(float, tile);
    const unsigned row = 32 + static_cast<unsigned>(padding), lane = threadIdx.x;
    for (unsigned r = 0; r < 32; ++r) tile[r * row + lane] = x[r * 32 + lane];
    __syncwarp();
    for (unsigned r = 0; r < 32; ++r) y[r * 32 + lane] = tile[lane * row + r];
}

}  // namespace

void exchange_in_warp(int* out, Exchange exchange) { cuda::launch(exchange_kernel, 1, 64, 0, nullptr, out, exchange); }
void hand_over(int* data, unsigned* flag, int* out, bool release) {
    cuda::launch(hand_over_kernel, 2, 1, 0, nullptr, data, flag, out, release);
}
void copy_strided(const float* x, float* y, int count, int stride) {
    cuda::launch(strided_kernel, cuda::blocks_for(count, 128), 128, 0, nullptr, x, y, stride);
}
void transpose_padded(const float* x, float* y, int padding) {
    cuda::launch(padded_kernel, 1, 32, static_cast<size_t>(32 * (32 + padding)) * sizeof(float), nullptr, x, y, padding);
}

}  // namespace purnet::seeded
