// The PTX instructions of sm_90a, as ptx.h has those of older devices: one function each, and nothing else. The pages beside it say how
// they are used together: tensor_map.h (what the copy engine is told about a tensor), ring.h (stages that it fills),
// warpgroup.h (products of a warpgroup).
//
// They exist in code for sm_90a alone: a kernel that uses them asks `if constexpr (ptx::sm90a)`, here is the one place that knows.
//
// Two worlds. Ordinary loads and stores go through the generic proxy; the copy engine and wgmma see memory through the async proxy.
// What threads wrote to shared memory is seen by the latter only after fence_async_proxy, executed between the write and the
// use, by the writer before it tells others or by the user after it was told. What the copy engine brought is seen by both
// once a wait on its mbarrier has returned.
#pragma once

#include <cuda.h>

#include "kernels/tile/ptx.h"

namespace purnet::ptx {

#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool sm90a = false;
#else
inline constexpr bool sm90a = true;
#endif

// ---- mbarriers: 8 bytes of shared memory, 8-byte aligned, that count arrivals and bytes ----
// A phase ends when `arrivals` threads have arrived and the bytes that were announced (expect) have come; the next one begins at
// once, with the same number of arrivals. Phases are known by their parity: the first has 0. wait(parity) returns when the
// phase of that parity, the current one or the one before it, has ended: wait(1) on a fresh mbarrier returns at once.
// An arrival releases what the thread did before, a wait acquires what those who arrived did, and what was copied.
__device__ __forceinline__ void mbarrier_init(uint32_t barrier, unsigned arrivals) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
// Makes the inits of this thread known to the async proxy; other threads need a barrier besides.
__device__ __forceinline__ void fence_mbarrier_init() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
// Its memory may be used for something else afterwards.
__device__ __forceinline__ void mbarrier_invalidate(uint32_t barrier) {
    asm volatile("mbarrier.inval.shared::cta.b64 [%0];" ::"r"(barrier) : "memory");
}
__device__ __forceinline__ void mbarrier_arrive(uint32_t barrier) {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
// Announces `bytes` more, then arrives. Less than 2^20 bytes a phase.
__device__ __forceinline__ void mbarrier_arrive_expect(uint32_t barrier, unsigned bytes) {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}
__device__ __forceinline__ void mbarrier_wait(uint32_t barrier, unsigned parity) {
    unsigned done;
    do {
        asm volatile("{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}\n"
                     : "=r"(done)
                     : "r"(barrier), "r"(parity)
                     : "memory");
    } while (!done);
}

// Generic proxy before, async proxy after (and the other way round), for shared memory.
__device__ __forceinline__ void fence_async_proxy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// ---- Copies of boxes of a tensor (cp.async.bulk.tensor), by one thread ----
// `to` is a multiple of 128 bytes (of 1024 where the map swizzles by 128); the map lies in kernel parameters (const __grid_constant__)
// and was made by tensor_map.h. Coordinates count elements, fastest axis first, and may lie outside the tensor: what is outside
// becomes zero. The mbarrier gets the bytes of the whole box, zeros included.
__device__ __forceinline__ void copy_box(uint32_t to, const CUtensorMap* map, uint32_t barrier, int x0, int x1) {
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(to),
                 "l"(map), "r"(barrier), "r"(x0), "r"(x1)
                 : "memory");
}
__device__ __forceinline__ void copy_box(uint32_t to, const CUtensorMap* map, uint32_t barrier, int x0, int x1, int x2) {
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];" ::"r"(to),
        "l"(map), "r"(barrier), "r"(x0), "r"(x1), "r"(x2)
        : "memory");
}
// Pixels of an N,H,W,C tensor as a convolution meets them (im2col): beginning at (n, h, w), one after the other along the rows of the
// map's box of pixels, then along its columns, then the next picture; each displaced by (by_h, by_w) >= 0.
__device__ __forceinline__ void copy_pixels(uint32_t to, const CUtensorMap* map, uint32_t barrier, int c, int w, int h, int n, int by_w,
                                            int by_h) {
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2], {%7, "
        "%8};" ::"r"(to),
        "l"(map), "r"(barrier), "r"(c), "r"(w), "r"(h), "r"(n), "h"(static_cast<uint16_t>(by_w)), "h"(static_cast<uint16_t>(by_h))
        : "memory");
}
// Fetches the map itself ahead of its first use.
__device__ __forceinline__ void prefetch_map(const CUtensorMap* map) { asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory"); }

// ---- Matrix multiply-accumulate of a warpgroup (wgmma): d += a b, 64 x N x 16 ----
// Four warps, the first a multiple of four, execute it together; it runs beside them. Both operands lie in shared memory, named by
// descriptors (warpgroup.h). The accumulators of lane l in warp w of the group, d[4 q + e], are at
// (16 w + l / 4 + 8 (e / 2), 8 q + 2 (l % 4) + e % 2).
// Until a wait has returned, nobody touches d, and nobody writes the operands. `Across`: that operand's lines run across the sum.
// fence: before the first product, and wherever threads touched d since the last one.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
// The products issued so far become a group ...
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// ... and this waits until at most GroupsLeft of the newest ones still run. d is named so that no use of it moves ahead of the wait.
template <int GroupsLeft, int N>
__device__ __forceinline__ void wgmma_wait(float (&d)[N]) {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(GroupsLeft) : "memory");
#pragma unroll
    for (int i = 0; i < N; ++i) asm volatile("" : "+f"(d[i])::"memory");
}
// Without accumulate d counts as 0 before.
template <bool AAcross = false, bool BAcross = false>
__device__ __forceinline__ void wgmma_bf16(float (&d)[32], uint64_t a, uint64_t b, bool accumulate) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "
        "%32, %33, p, 1, 1, %35, %36;\n}\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]), "+f"(d[9]),
          "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]),
          "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]),
          "+f"(d[30]), "+f"(d[31])
        : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)), "n"(AAcross ? 1 : 0), "n"(BAcross ? 1 : 0));
}
template <bool AAcross = false, bool BAcross = false>
__device__ __forceinline__ void wgmma_bf16(float (&d)[64], uint64_t a, uint64_t b, bool accumulate) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
        "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 "
        "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
        "%64, %65, p, 1, 1, %67, %68;\n}\n"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]), "+f"(d[8]), "+f"(d[9]),
          "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]),
          "+f"(d[20]), "+f"(d[21]), "+f"(d[22]), "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]),
          "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]), "+f"(d[37]), "+f"(d[38]), "+f"(d[39]),
          "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]), "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]), "+f"(d[49]),
          "+f"(d[50]), "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]), "+f"(d[57]), "+f"(d[58]), "+f"(d[59]),
          "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])
        : "l"(a), "l"(b), "r"(static_cast<int>(accumulate)), "n"(AAcross ? 1 : 0), "n"(BAcross ? 1 : 0));
}

// Registers of the threads of a warpgroup, a multiple of 8 from 24 to 256: what one gives back another may take.
template <int Registers>
__device__ __forceinline__ void give_registers_back() {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}
template <int Registers>
__device__ __forceinline__ void take_registers() {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}

}  // namespace purnet::ptx
