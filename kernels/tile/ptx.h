// Every PTX instruction that kernels use, as one function each, and nothing else: inline assembly is here and, for sm_90a, in
// ptx_sm90.h alone. The pages beside it (vector.h, reduce.h, pipeline.h, matrix.h, ...) say how the instructions are used together.
//
// Shared memory is named by 32-bit addresses, as the instructions take them: shared_address(pointer).
// References are to the chapters of "Parallel Thread Execution ISA" (PTX ISA).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace purnet::ptx {

// The address of shared memory within its window.
__device__ __forceinline__ uint32_t shared_address(const void* pointer) { return static_cast<uint32_t>(__cvta_generic_to_shared(pointer)); }

// The same number, from no instruction, which the compiler must take for a new one: what depends on it is worked out behind this place
// alone, and not kept in registers from where the number came from.
__device__ __forceinline__ int renewed(int number) {
    asm volatile("" : "+r"(number));
    return number;
}

// ---- Named barriers (bar.sync, bar.arrive): 16 a block, number 0 is __syncthreads ----
// sync waits until `threads` threads, a multiple of 32, have come to this barrier; arrive counts without waiting.
__device__ __forceinline__ void barrier_sync(unsigned id, unsigned threads) {
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void barrier_arrive(unsigned id, unsigned threads) {
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// ---- Flags between blocks (ld.acquire, st.release, red.release at gpu scope) ----
// What was written before a release is visible to whoever reads that value by an acquire.
__device__ __forceinline__ unsigned load_acquire(const unsigned* flag) {
    unsigned value;
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
    return value;
}
__device__ __forceinline__ void store_release(unsigned* flag, unsigned value) {
    asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}
// Waits until the flag holds the value.
__device__ __forceinline__ void wait_for_flag(const unsigned* flag, unsigned value) {
    while (load_acquire(flag) != value) __nanosleep(20);
}

// ---- Launches that overlap (griddepcontrol; sm_90 and newer, nothing before) ----
// Kernels of a stream run one after the other: the next begins when the last block of the one before has ended and what it wrote is
// visible. In between the device runs empty and fills again, and then each block sets up what it needs. A kernel that is started by
// cuda::launch_early (kernels/runtime/cuda/launch.h) may begin sooner, and two instructions say how much sooner and what is kept:
//
//   wait                the thread goes on when the launch ahead has ended, and sees all that it wrote. In a kernel that was launched in
//                       the ordinary way it returns at once.
//   launch_dependents   once every block of the grid has executed it or has ended, blocks of the next launch may begin. It says nothing
//                       about memory. Since all blocks have been here, all are on the device or done: those of the next launch take
//                       room that none of these wants, and cannot starve them. Kernels of other branches of a graph may want it: they
//                       come later then, and nothing here spins on another grid.
//
// Both stand here in one place, in this order. Any earlier the second would let a third launch in, only to have it wait for the same end
// and keep the room from others; any later the next launch would come later. So two launches overlap, never three.
//
// Before the wait a thread touches its parameters, its registers and shared memory, and no global memory at all:
//   - what it reads may not have been written yet;
//   - what it overwrites may still be read: memory is given out again as soon as the launches that need it are put in;
//   - and it is not only the launch ahead that counts. That one's end is waited for, and what came before it has ended because it waited in
//     turn: `wait` looks at nothing but the launch ahead, and order goes through a row of launches only if every one of them waits.
// One thread's wait would do for the last point. Here every thread waits, also one that has no work, before it touches anything and
// before it ends: no access needs an argument.
//
// Loads through `const __restrict__` pointers or __ldg count as movable for the compiler, also across the wait: kernels have none, and
// `make cuda-order` looks at what the compiler made of them. A library's kernel behind one of ours that was itself launched this way
// begins early too, and waits by its own instructions.
// PTX ISA, "griddepcontrol"; CUDA C++ Programming Guide, "Programmatic Dependent Launch and Synchronization".
__device__ __forceinline__ void wait_for_launches() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// ---- Asynchronous copies of one thread (cp.async; sm_80) ----
// Copies 16 (or 4, 8) bytes from global to shared memory without passing through registers; both addresses are multiples of
// the size. The first `source_bytes` are read, the rest of the destination becomes zero: 0 reads nothing, which is how
// padding is made. Copies are gathered into groups by commit; wait<N> waits until at most N of this thread's newest groups are
// still under way. What landed is visible to the copying thread; others need a barrier after its wait.
__device__ __forceinline__ void copy_async_16(uint32_t shared, const void* global, unsigned source_bytes = 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(source_bytes) : "memory");
}
__device__ __forceinline__ void copy_async_8(uint32_t shared, const void* global, unsigned source_bytes = 8) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(shared), "l"(global), "r"(source_bytes) : "memory");
}
__device__ __forceinline__ void copy_async_4(uint32_t shared, const void* global, unsigned source_bytes = 4) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared), "l"(global), "r"(source_bytes) : "memory");
}
__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int GroupsLeft>
__device__ __forceinline__ void copy_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(GroupsLeft) : "memory");
}

// ---- Matrices between shared memory and registers (ldmatrix; sm_75) ----
// An 8 x 8 matrix of 16-bit elements is 8 rows of 16 bytes, each 16-byte aligned, wherever they lie. Lane 8 m + i gives the
// address of row i of matrix m. Lane l receives of each matrix elements 2 (l % 4) and 2 (l % 4) + 1 of row l / 4, packed into
// one register; transposed: of column l / 4 instead. The warp must be converged.
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], uint32_t row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(row)
                 : "memory");
}
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&r)[4], uint32_t row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(row)
                 : "memory");
}

// ---- Matrix multiply-accumulate of a warp (mma.sync; sm_80): d += a b ----
// With g = lane / 4 and t = lane % 4, a register holds two bf16 (lower half first) or one tf32:
//   accumulator 16 x 8:  d[0], d[1] at (g, 2t), (g, 2t + 1);  d[2], d[3] eight rows below
//   bf16, k = 16:  a[0] (g, 2t..), a[1] (g + 8, 2t..), a[2] (g, 2t + 8..), a[3] (g + 8, 2t + 8..);  b[0] (2t.., g), b[1] (2t + 8.., g)
//   tf32, k = 8:   a[0] (g, t), a[1] (g + 8, t), a[2] (g, t + 4), a[3] (g + 8, t + 4);  b[0] (t, g), b[1] (t + 4, g)
// The lower 13 bits of a tf32 operand are ignored: round with to_tf32 first. Products are exact, sums are float32 (the
// hardware truncates where a float addition would round).
__device__ __forceinline__ void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// Rounds to 10 fraction bits, halves away from zero (cvt.rna.tf32).
__device__ __forceinline__ uint32_t to_tf32(float x) {
    uint32_t y;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y) : "f"(x));
    return y;
}

}  // namespace purnet::ptx
