// Sums and maxima over a warp, a block and a whole grid, always in the same order, so that two runs agree to the bit.
//
//   warp:   a butterfly of five shuffles. Lane l adds the value of lane l ^ 16, then l ^ 8, ...: every lane ends with the same
//           sum, and the tree is fixed.
//   block:  each warp's result goes to shared memory, one barrier, and the first warp's butterfly adds them.
//   grid:   every block writes its partial result to a place of its own; the block that comes last adds all of them in the
//           order of their places. No atomic on data: floating-point sums would depend on who came first. The one atomic is a
//           counter that tells a block whether it is the last; fences make sure that it then sees what the others wrote.
#pragma once

#include <cuda_runtime.h>

#include "kernels/runtime/cuda/shared.h"

namespace purnet::tile {

struct Sum {
    template <class T>
    __device__ static __forceinline__ T combine(T a, T b) {
        return a + b;
    }
};
struct Max {
    template <class T>
    __device__ static __forceinline__ T combine(T a, T b) {
        return b > a ? b : a;
    }
};

// Over `Lanes` neighbouring lanes (a power of two); each of them gets the result. Every lane of the warp must call it.
template <class Op, int Lanes = 32, class T>
__device__ __forceinline__ T warp_reduce(T v) {
#pragma unroll
    for (int distance = Lanes / 2; distance > 0; distance /= 2) v = Op::combine(v, __shfl_xor_sync(0xffffffffu, v, distance));
    return v;
}

// Over the block, which is a multiple of 32 threads; every thread gets the result. `neutral` changes nothing when combined.
template <class Op, class T>
__device__ __forceinline__ T block_reduce(T v, T neutral) {
    SHARED(T, partial, 32);
    const unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    v = warp_reduce<Op>(v);
    __syncthreads();  // a result of the call before may still be read
    if (lane == 0) partial[warp] = v;
    __syncthreads();
    return warp_reduce<Op>(lane < warps ? partial[lane] : neutral);
}

// Called by every thread of every block, after the block has written its partial results. True in the block that comes last
// of `blocks`, for which everything that any block wrote before is then visible. The counter is 0 before the launch
// (cuda::counters) and 0 again after it.
__device__ __forceinline__ bool last_block(unsigned* counter, unsigned blocks) {
    SHARED(bool, last, 1);
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();  // what this block wrote, before its count
        last[0] = atomicInc(counter, blocks - 1) == blocks - 1;
        __threadfence();  // the counts of the others, before what they wrote
    }
    __syncthreads();
    return last[0];
}

}  // namespace purnet::tile
