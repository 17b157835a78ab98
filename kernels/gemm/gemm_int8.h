// Products of 8-bit integers on the CPU, from packed panels: the inside of every quantised convolution.
//
//   S[i,j] = start[j] + sum over k < K of A(i,k) * B(k,j), exact in int32: K at most most_depth
//   v = S[i,j] * scale[j] + bias[j];  v += before[i,j];  v = v > 0 ? v : slope * v;  v = min(v, top);  v += after[i,j]
//   c[i,j] = v        q[i,j] = v * q_scale + q_zero, rounded to the nearest (ties to even) of 0 .. 255
//
// Two forms, told by the CPU; S is exact, so that both give the same bits (of one instruction set: v fuses where the CPU fuses):
//   bytes   AVX-512 with VNNI, AVX2 with AVX-VNNI: vpdpbusd adds four products of an unsigned and a signed byte to each int32 lane: 4 times
//   the products of
//           a float32 fused multiply-add. A holds unsigned bytes.
//   words   pmaddwd adds two products of 16-bit integers: as many products as float32. A holds int16.
// K comes in groups of 4 bytes: 4 or 2 values of A, the same of each column of B side by side. B lies in panels as in gemm.h: groups x
// columns x group, columns behind N and values behind K filled with 0. A's rows hold groups(form, K) whole groups; values of A behind K
// meet zeros of B.
#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet::gemm {

constexpr long most_depth = 65536;  // 65536 * 255 * 128 < 2^31

enum class Form8 { bytes, words };

static constexpr long group_size(Form8 form) { return form == Form8::bytes ? 4 : 2; }
static constexpr long groups(Form8 form, long k) { return (k + group_size(form) - 1) / group_size(form); }

// Whether this CPU, limited to PURNET_ISA, has it; which it does best.
bool runs(Form8 form);
Form8 best_form8();

struct Product8 {
    Form8 form = Form8::words;
    long m = 0, n = 0, k = 0;
    const void* a = nullptr;
    long row_bytes = 0;  // from row to row of A
    const int8_t* b = nullptr;
    const int32_t* start = nullptr;  // N rounded up to whole vectors; null: 0
    float* c = nullptr;              // null: not wanted
    uint8_t* q = nullptr;            // null: not wanted
    long ldc = 0;                    // elements from row to row of c, q, before and after
};

struct Finish8 {
    const float* scale = nullptr;  // N rounded up to whole vectors, and so is bias
    const float* bias = nullptr;
    const float* before = nullptr;
    const float* after = nullptr;
    float slope = 1;
    float top = __builtin_inff();
    float q_scale = 1, q_zero = 0;
};

PURNET_SIMD(
    // Bytes of B packed.
    long gemm8_packed_bytes(Form8 form, long k, long n);
    // Writes B(first + kk, j) = b[kk * k_stride + j * n_stride], kk < k, into the panels of a B of depth `depth` that was filled with 0.
    void gemm8_pack_b(Form8 form, long k, long n, const int8_t* b, long k_stride, long n_stride, int8_t* packed, long depth, long first);
    // The columns first .. last - 1, both at panel borders. a, b, start, scale and bias are the whole operands; c, q, before and after
    // point at column `first`.
    void gemm8_run(const Product8& product, const Finish8& finish, long first, long last);)

// The functions of the instruction set in use.
struct Functions8 {
    decltype(&baseline::gemm8_packed_bytes) packed_bytes;
    decltype(&baseline::gemm8_pack_b) pack_b;
    decltype(&baseline::gemm8_run) run;
};
Functions8 functions8();

}  // namespace purnet::gemm
