#include "tests/emulator/kernels/matrix.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/shared.h"
#include "kernels/tile/matrix.h"
#include "kernels/tile/pipeline.h"

namespace purnet::seeded {
namespace {

// Each thread copies 16 bytes a stage and hands them to its neighbour in the other half of the block.
__global__ void staged_kernel(const uint32_t* x, uint32_t* y, int stages, Copy kind) {
    constexpr int depth = 3;
    SHARED(uint4[64], ring, depth);
    const int t = static_cast<int>(threadIdx.x);
    auto fill = [&](int stage) {
        if (stage < stages) {
            const uint32_t to =
                ptx::shared_address(&ring[stage % depth][0]) + static_cast<uint32_t>(16 * t + (kind == Copy::misaligned ? 4 : 0));
            ptx::copy_async_16(kind == Copy::beyond ? to + 64 * 16 * depth : to, x + (stage * 64 + t) * 4);
        }
        if (kind != Copy::never_waited) ptx::copy_async_commit();
    };
    for (int s = 0; s < depth - 1; ++s) fill(s);
    for (int s = 0; s < stages; ++s) {
        if (kind == Copy::one_group_short)
            ptx::copy_async_wait<depth - 1>();
        else if (kind != Copy::no_wait)
            tile::Pipeline<depth>::wait();
        if (kind != Copy::no_barrier) __syncthreads();
        fill(s + depth - 1);
        reinterpret_cast<uint4*>(y)[s * 64 + t] = ring[s % depth][63 - t];
    }
    if (kind != Copy::never_waited) ptx::copy_async_wait<0>();
}

__global__ void show_kernel(uint32_t* out, bool transposed, int shift) {
    SHARED(unsigned short, matrices, 264);
    const int lane = static_cast<int>(threadIdx.x);
    for (int i = lane; i < 256; i += 32) matrices[i] = static_cast<unsigned short>(i);
    __syncthreads();
    uint32_t r[4];
    const uint32_t row = ptx::shared_address(&matrices[8 * lane + shift]);
    if (transposed)
        ptx::load_matrices_transposed(r, row);
    else
        ptx::load_matrices(r, row);
    for (int m = 0; m < 4; ++m) out[4 * lane + m] = r[m];
}

// 64 x 64 of C a block, four warps of 32 x 32; k in steps of 64 = rows of 128 bytes, three stages.
template <tile::Along AxisA, tile::Along AxisB>
__global__ void gemm_kernel(const bf16* a, const bf16* b, float* c, int n, int k) {
    constexpr int stages = 3, tile_bytes = 64 * 128;
    SHARED_DYNAMIC(unsigned char, memory);
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
    const int m = static_cast<int>(gridDim.y) * 64, m0 = static_cast<int>(blockIdx.y) * 64, n0 = static_cast<int>(blockIdx.x) * 64;
    const uint32_t base = ptx::shared_address(memory);
    auto fill = [&](int step) {
        const int k0 = step * 64;
        if (k0 < k) {
            const uint32_t to = base + static_cast<uint32_t>(step % stages * 2 * tile_bytes);
            for (int i = thread; i < 512; i += 128) {
                const int row = i / 8, chunk = i % 8;
                const uint32_t place = tile::swizzled<128>(static_cast<uint32_t>(row), static_cast<uint32_t>(chunk));
                const bf16* from_a = AxisA == tile::Along::k ? a + (m0 + row) * k + k0 + 8 * chunk : a + (k0 + row) * m + m0 + 8 * chunk;
                const bf16* from_b = AxisB == tile::Along::k ? b + (n0 + row) * k + k0 + 8 * chunk : b + (k0 + row) * n + n0 + 8 * chunk;
                tile::copy_chunk(to + place, from_a, true);
                tile::copy_chunk(to + tile_bytes + place, from_b, true);
            }
        }
        tile::Pipeline<stages>::commit();
    };
    tile::Accumulator sums[2][4] = {};
    for (int s = 0; s < stages - 1; ++s) fill(s);
    for (int s = 0; s * 64 < k; ++s) {
        tile::Pipeline<stages>::wait();
        __syncthreads();
        fill(s + stages - 1);
        const uint32_t tile_a = base + static_cast<uint32_t>(s % stages * 2 * tile_bytes), tile_b = tile_a + tile_bytes;
        for (int k0 = 0; k0 < 64; k0 += 16) {
            tile::FragmentA fa[2];
            tile::FragmentB fb[4];
            for (int i = 0; i < 2; ++i) fa[i] = tile::load_a<AxisA, 128>(tile_a, warp / 2 * 32 + 16 * i, k0, lane);
            for (int j = 0; j < 2; ++j)
                tile::load_b<AxisB, 128>(*reinterpret_cast<tile::FragmentB(*)[2]>(&fb[2 * j]), tile_b, k0, warp % 2 * 32 + 16 * j, lane);
            for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 4; ++j) tile::multiply(sums[i][j], fa[i], fb[j]);
        }
    }
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 4; ++j)
            for (int e = 0; e < 4; ++e) {
                const int row = m0 + warp / 2 * 32 + 16 * i + tile::Accumulator::row(lane, e);
                const int column = n0 + warp % 2 * 32 + 8 * j + tile::Accumulator::column(lane, e);
                c[row * n + column] = sums[i][j].at[e];
            }
}

__global__ void tf32_kernel(const float* a, const float* b, float* c) {
    const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
    const uint32_t fa[4] = {ptx::to_tf32(a[g * 8 + t]), ptx::to_tf32(a[(g + 8) * 8 + t]), ptx::to_tf32(a[g * 8 + t + 4]),
                            ptx::to_tf32(a[(g + 8) * 8 + t + 4])};
    const uint32_t fb[2] = {ptx::to_tf32(b[t * 8 + g]), ptx::to_tf32(b[(t + 4) * 8 + g])};
    tile::Accumulator sum{};
    ptx::mma_tf32(sum.at, fa, fb);
    for (int i = 0; i < 4; ++i) c[tile::Accumulator::row(lane, i) * 8 + tile::Accumulator::column(lane, i)] = sum.at[i];
}

}  // namespace

void staged_copy(const uint32_t* x, uint32_t* y, int stages, Copy copy) {
    cuda::launch(staged_kernel, 1, 64, 0, nullptr, x, y, stages, copy);
}
void show_matrices(uint32_t* out, bool transposed) { cuda::launch(show_kernel, 1, 32, 0, nullptr, out, transposed, 0); }
void misaligned_matrix(uint32_t* out) { cuda::launch(show_kernel, 1, 32, 0, nullptr, out, false, 4); }
void gemm(const bf16* a, const bf16* b, float* c, int m, int n, int k, bool a_along_k, bool b_along_k) {
    using tile::Along;
    auto* kernel = a_along_k   ? b_along_k ? gemm_kernel<Along::k, Along::k> : gemm_kernel<Along::k, Along::other>
                     : b_along_k ? gemm_kernel<Along::other, Along::k>
                               : gemm_kernel<Along::other, Along::other>;
    cuda::launch(kernel, dim3(static_cast<unsigned>(n / 64), static_cast<unsigned>(m / 64)), 128, 3 * 2 * 64 * 128, nullptr, a, b, c, n, k);
}
void product_tf32(const float* a, const float* b, float* c) { cuda::launch(tf32_kernel, 1, 32, 0, nullptr, a, b, c); }

}  // namespace purnet::seeded
