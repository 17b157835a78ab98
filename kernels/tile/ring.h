// A ring of stages in shared memory that one thread has filled by the copy engine while warpgroups use it: no barrier of the whole
// block, each stage is handed over and back by two mbarriers.
//
//     producer (one thread)                               consumers (all threads of some warps)
//     for each step:                                      for each step:
//         ring.wait_empty(step);                              ring.wait_full(step);
//         ring.expect(step, bytes);                           ... issue products of the stage ...
//         copies of `bytes` in all -> ring.full(step)         when they are done: ring.release(step), by one lane of each warp
//
// `full` has one arrival, the producer's, and the bytes it announced; `empty` has one arrival of each consumer warp. Step s is
// the s / Stages-th use of stage s % Stages: its full phase has the parity of s / Stages. The producer waits for the phase before,
// the other parity; on a fresh mbarrier that one counts as ended, so the first turn needs no special case.
#pragma once

#include "kernels/tile/ptx_sm90.h"

namespace purnet::tile {

template <int Stages>
struct Ring {
    static constexpr size_t bytes = 2 * Stages * sizeof(uint64_t);
    uint32_t barriers;  // shared address of 2 Stages mbarriers, 8-byte aligned

    // By one thread; a barrier of the block follows.
    __device__ __forceinline__ void init(unsigned consumer_warps) const {
#pragma unroll
        for (int stage = 0; stage < Stages; ++stage) {
            ptx::mbarrier_init(barriers + 8u * static_cast<uint32_t>(stage), 1);
            ptx::mbarrier_init(barriers + 8u * static_cast<uint32_t>(Stages + stage), consumer_warps);
        }
        ptx::fence_mbarrier_init();
    }
    __device__ static __forceinline__ uint32_t stage(int step) { return static_cast<uint32_t>(step) % Stages; }
    __device__ static __forceinline__ unsigned parity(int step) { return static_cast<unsigned>(step) / Stages % 2; }
    __device__ __forceinline__ uint32_t full(int step) const { return barriers + 8 * stage(step); }
    __device__ __forceinline__ uint32_t empty(int step) const { return barriers + 8 * (Stages + stage(step)); }

    __device__ __forceinline__ void wait_empty(int step) const { ptx::mbarrier_wait(empty(step), parity(step) ^ 1); }
    __device__ __forceinline__ void expect(int step, unsigned copied) const { ptx::mbarrier_arrive_expect(full(step), copied); }
    __device__ __forceinline__ void wait_full(int step) const { ptx::mbarrier_wait(full(step), parity(step)); }
    __device__ __forceinline__ void release(int step) const { ptx::mbarrier_arrive(empty(step)); }
};

}  // namespace purnet::tile
