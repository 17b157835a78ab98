#include "tests/emulator/kernels/hopper.h"

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/shared.h"
#include "kernels/tile/ring.h"
#include "kernels/tile/tensor_map.h"
#include "kernels/tile/warpgroup.h"

namespace purnet::seeded {
namespace {

using tile::Along;

constexpr int stages = 2;
constexpr uint32_t panel_bytes = 64 * 128;

// Along::k: rows are m (or n), 64 of k each. Along::other: rows are k, panels of 64 m (or n).
template <Along Axis>
__device__ void fill(uint32_t to, const CUtensorMap* map, uint32_t full, int step, int panels) {
    for (int p = 0; p < panels; ++p) {
        if (Axis == Along::k)
            ptx::copy_box(to + static_cast<uint32_t>(p) * panel_bytes, map, full, 64 * step, 64 * p);
        else
            ptx::copy_box(to + static_cast<uint32_t>(p) * panel_bytes, map, full, 64 * p, 64 * step);
    }
}

template <Along AxisA, Along AxisB, int N>
__global__ void product_kernel(const __grid_constant__ CUtensorMap map_a, const __grid_constant__ CUtensorMap map_b, float* c, int steps,
                               Hopper defect) {
    constexpr int panels = N / 64;
    constexpr uint32_t stage_bytes = (1 + panels) * panel_bytes;
    SHARED_DYNAMIC(unsigned char, memory);
    SHARED(uint64_t, barriers, 2 * stages);
    const uint32_t base = ptx::shared_address(memory);
    const tile::Ring<stages> ring{ptx::shared_address(barriers)};
    const int thread = static_cast<int>(threadIdx.x), lane = thread % 32;
    if (thread == 0 && defect != Hopper::no_init) {
        if (defect == Hopper::no_init_fence)
            for (int i = 0; i < 2 * stages; ++i) ptx::mbarrier_init(ring.barriers + 8 * static_cast<uint32_t>(i), i < stages ? 1 : 4);
        else
            ring.init(4);
    }
    __syncthreads();
    if (thread >= 128) {
        if (thread > 128) return;
        for (int s = 0; s < steps; ++s) {
            if (defect == Hopper::producer_parity)
                ptx::mbarrier_wait(ring.empty(s), ring.parity(s));
            else
                ring.wait_empty(s);
            const uint32_t wrong = defect == Hopper::too_many_bytes ? 16u : defect == Hopper::too_few_bytes ? 0u - panel_bytes : 0u;
            ring.expect(s, stage_bytes + wrong);
            if (defect == Hopper::second_arrival) ptx::mbarrier_arrive(ring.full(s));
            uint32_t to = base + ring.stage(s) * stage_bytes;
            if (defect == Hopper::misaligned_box) to += 64;
            fill<AxisA>(to, &map_a, ring.full(s), s, 1);
            fill<AxisB>(to + panel_bytes, &map_b, ring.full(s), s, panels);
        }
        if (defect == Hopper::copy_never_waited) {
            ring.wait_empty(steps);
            ring.expect(steps, panel_bytes);
            fill<AxisA>(base + ring.stage(steps) * stage_bytes, &map_a, ring.full(steps), 0, 1);
        }
        return;
    }
    tile::GroupAccumulator<N> sum;
    for (int i = 0; i < sum.count; ++i) sum.at[i] = 7.0f;  // the first product does not add to it
    for (int s = 0; s < steps; ++s) {
        if (defect == Hopper::consumer_parity)
            ptx::mbarrier_wait(ring.full(s), ring.parity(s) ^ 1);
        else if (defect != Hopper::no_wait_for_copies)
            ring.wait_full(s);
        uint32_t tile_a = base + ring.stage(s) * stage_bytes;
        const uint32_t tile_b = tile_a + panel_bytes;
        if (defect == Hopper::misaligned_descriptor) tile_a += 128;
        if (defect != Hopper::no_wgmma_fence) ptx::wgmma_fence();
        if (defect != Hopper::silent_warp || thread >= 32 || s < steps - 1) tile::multiply_tile<AxisA, AxisB>(sum, tile_a, tile_b, s > 0);
        ptx::wgmma_commit();
        if (defect == Hopper::early_release && lane == 0) ring.release(s);
        if (defect == Hopper::operand_overwritten && thread == 5) memory[ring.stage(s) * stage_bytes + 40] ^= 1;
        if (defect == Hopper::sums_written_early) sum.at[3] = 1.0f;
        if (defect == Hopper::sums_read_early && s == steps - 1)
            for (int i = 0; i < sum.count; ++i) c[sum.row(thread, i) * N + sum.column(thread, i)] = sum.at[i];
        if (defect != Hopper::no_wgmma_wait) ptx::wgmma_wait<0>(sum.at);
        if (defect != Hopper::early_release && lane == 0) ring.release(s);
    }
    if (defect == Hopper::sums_read_early) return;
    for (int i = 0; i < sum.count; ++i) c[sum.row(thread, i) * N + sum.column(thread, i)] = sum.at[i];
}

template <int N>
void run_product(const CUtensorMap& a, const CUtensorMap& b, float* c, int steps, bool a_along_k, bool b_along_k, Hopper defect) {
    auto* kernel = a_along_k   ? b_along_k ? product_kernel<Along::k, Along::k, N> : product_kernel<Along::k, Along::other, N>
                     : b_along_k ? product_kernel<Along::other, Along::k, N>
                               : product_kernel<Along::other, Along::other, N>;
    cuda::launch(kernel, 1, 160, stages * (1 + N / 64) * panel_bytes, nullptr, a, b, c, steps, defect);
}

__global__ void written_kernel(const bf16* a, const bf16* b, float* c, ProxyFence fence) {
    SHARED_DYNAMIC(unsigned char, memory);
    const int thread = static_cast<int>(threadIdx.x);
    for (int i = thread; i < 64 * 8; i += 128) {
        const uint32_t at = tile::swizzled<128>(static_cast<uint32_t>(i) / 8, static_cast<uint32_t>(i) % 8);
        *reinterpret_cast<uint4*>(memory + at) = reinterpret_cast<const uint4*>(a)[i];
        *reinterpret_cast<uint4*>(memory + panel_bytes + at) = reinterpret_cast<const uint4*>(b)[i];
    }
    if (fence == ProxyFence::by_writers) ptx::fence_async_proxy();
    __syncthreads();
    if (fence == ProxyFence::by_readers) ptx::fence_async_proxy();
    tile::GroupAccumulator<64> sum{};
    ptx::take_registers<128>();
    ptx::wgmma_fence();
    const uint32_t base = ptx::shared_address(memory);
    tile::multiply_tile<Along::k, Along::k>(sum, base, base + panel_bytes, false);
    ptx::wgmma_commit();
    ptx::wgmma_wait<0>(sum.at);
    for (int i = 0; i < sum.count; ++i) c[sum.row(thread, i) * 64 + sum.column(thread, i)] = sum.at[i];
}

// Brings one box, by whatever `copy` does, and writes it out without its swizzle: a row a thread.
template <class Copy>
__device__ void show(bf16* out, int rows, const Copy& copy) {
    SHARED_DYNAMIC(unsigned char, memory);
    SHARED(uint64_t, barrier, 1);
    const uint32_t at = ptx::shared_address(barrier);
    if (threadIdx.x == 0) {
        ptx::mbarrier_init(at, 1);
        ptx::fence_mbarrier_init();
        ptx::mbarrier_arrive_expect(at, static_cast<unsigned>(rows) * 128);
        copy(ptx::shared_address(memory), at);
    }
    __syncthreads();
    ptx::mbarrier_wait(at, 0);
    for (uint32_t chunk = 0; chunk < 8; ++chunk)
        reinterpret_cast<uint4*>(out)[threadIdx.x * 8 + chunk] =
            *reinterpret_cast<const uint4*>(memory + tile::swizzled<128>(threadIdx.x, chunk));
    __syncthreads();
    if (threadIdx.x == 0) ptx::mbarrier_invalidate(at);
}

__global__ void pixels_kernel(const __grid_constant__ CUtensorMap map, bf16* out, PixelPlace place) {
    ptx::prefetch_map(&map);
    show(out, 64, [&](uint32_t to, uint32_t barrier) {
        ptx::copy_pixels(to, &map, barrier, place.c0, place.w, place.h, place.n, place.by_w, place.by_h);
    });
}

__global__ void box_kernel(const __grid_constant__ CUtensorMap map, bf16* out, int row, int column) {
    show(out, 8, [&](uint32_t to, uint32_t barrier) { ptx::copy_box(to, &map, barrier, column, 0, row); });
}

}  // namespace

void hopper_product(const bf16* a, const bf16* b, float* c, int n, int k, bool a_along_k, bool b_along_k, Hopper defect) {
    CUtensorMap map_a = a_along_k ? tile::box_map(a, {k, 64}, {64, 64}) : tile::box_map(a, {64, k}, {64, 64});
    const CUtensorMap map_b = b_along_k ? tile::box_map(b, {k, n}, {64, 64}) : tile::box_map(b, {n, k}, {64, 64});
    if (defect == Hopper::no_map) map_a = {};
    const int steps = (k + 63) / 64;
    if (n == 64)
        run_product<64>(map_a, map_b, c, steps, a_along_k, b_along_k, defect);
    else
        run_product<128>(map_a, map_b, c, steps, a_along_k, b_along_k, defect);
}
void written_product(const bf16* a, const bf16* b, float* c, ProxyFence fence) {
    cuda::launch(written_kernel, 1, 128, 2 * panel_bytes, nullptr, a, b, c, fence);
}
void show_pixels(const bf16* x, bf16* out, int64_t n, int64_t h, int64_t w, int64_t c, int64_t out_h, int64_t out_w, int stride,
                 int first_h, int first_w, PixelPlace place) {
    const CUtensorMap map = tile::pixel_map(x, {n, h, w, c, out_h, out_w, stride, first_h, first_w}, 64);
    cuda::launch(pixels_kernel, 1, 64, panel_bytes, nullptr, map, out, place);
}
void show_box(const bf16* x, bf16* out, int64_t rows, int64_t columns, int row, int column) {
    // As 64 x 1 x rows, so that boxes of three axes are looked at too.
    const CUtensorMap map = tile::box_map(x, {columns, 1, rows}, {64, 1, 8});
    cuda::launch(box_kernel, 1, 8, panel_bytes, nullptr, map, out, row, column);
}

}  // namespace purnet::seeded
