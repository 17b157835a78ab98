// Copies that overlap with arithmetic: a ring of stages in shared memory, filled by cp.async.
//
// While the warps multiply stage s, the copies of stages s + 1 .. s + Stages - 1 are under way. Each step of the loop is
//
//     pipeline.wait();           this thread's copies of the oldest stage have landed ...
//     __syncthreads();           ... and so have everyone's; and nobody still reads the stage that is filled next
//     fill(stage s + Stages - 1); pipeline.commit();
//     multiply(stage s);
//
// One barrier a step is enough: the stage that step s fills is the one that step s - 1 multiplied, and every warp has left it
// when it passes the barrier of step s. commit() is called in every step, also where nothing is left to fill, so that counting
// groups stays right: the group of stage s is always the (Stages - 1)-th newest, and those still open after the last step are empty.
#pragma once

#include "kernels/tile/ptx.h"

namespace purnet::tile {

template <int Stages>
struct Pipeline {
    static_assert(Stages >= 2);

    __device__ __forceinline__ static void commit() { ptx::copy_async_commit(); }
    // Until the oldest of Stages - 1 groups has landed.
    __device__ __forceinline__ static void wait() { ptx::copy_async_wait<Stages - 2>(); }
    __device__ __forceinline__ static int next(int stage) { return stage + 1 == Stages ? 0 : stage + 1; }

    // The loop above: copy(stage) issues this thread's copies of the next step into that stage, multiply(stage) uses what landed there,
    // `steps` times each, in order. Every thread of the block calls it.
    template <class Copy, class Multiply>
    __device__ __forceinline__ static void run(int steps, Copy&& copy, Multiply&& multiply) {
        int filled = 0, fill_stage = 0;
        const auto fill = [&] {
            if (filled < steps) {
                copy(fill_stage);
                fill_stage = next(fill_stage);
                ++filled;
            }
            commit();
        };
        for (int s = 0; s < Stages - 1; ++s) fill();
        int stage = 0;
        for (int step = 0; step < steps; ++step) {
            wait();
            __syncthreads();
            fill();
            multiply(stage);
            stage = next(stage);
        }
    }
};

// 16 bytes from global to shared memory, or 16 zero bytes.
__device__ __forceinline__ void copy_chunk(uint32_t shared, const void* global, bool wanted) {
    ptx::copy_async_16(shared, global, wanted ? 16u : 0u);
}

}  // namespace purnet::tile
