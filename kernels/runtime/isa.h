// Instruction sets of the CPU, found at run time. PURNET_ISA=baseline|avx2|avx512 forces a lower one.
//
// A file NAME_simd.cpp is compiled once per instruction set with PURNET_ISA_NAME = baseline, avx2 or avx512 and puts its
// functions into `namespace purnet::PURNET_ISA_NAME`. It uses plain loops, kernels/simd and C headers only: an inline or
// library template instantiated there could be the copy the linker keeps, and the binary would die on an older machine.
// Its header declares the functions with PURNET_SIMD(...); callers choose with PURNET_PICK(function)(arguments).
#pragma once

#include <string>

namespace purnet {

enum class Isa { baseline, avx2, avx512 };

struct CpuFeatures {
    bool avx2 = false;      // AVX2, FMA and F16C, enabled by the system
    bool avx512 = false;    // AVX-512 F, BW, DQ, VL
    bool avx_vnni = false;  // VNNI of 256 bits without AVX-512
    bool avx512_vnni = false;
    bool avx512_bf16 = false;
    bool amx = false;
};

const CpuFeatures& cpu_features();

// The set in use: the best one present, or the lower one that PURNET_ISA names. Throws Error for an unknown or absent name.
Isa isa();
const char* name_of(Isa isa);

// Tests run every set the machine has; call it only while no kernel runs.
void force_isa(Isa isa);

}  // namespace purnet

#if defined(__x86_64__)
#define PURNET_SIMD(...) \
    namespace baseline { \
    __VA_ARGS__          \
    }                    \
    namespace avx2 {     \
    __VA_ARGS__          \
    }                    \
    namespace avx512 {   \
    __VA_ARGS__          \
    }
#define PURNET_PICK(function)                                     \
    (::purnet::isa() == ::purnet::Isa::avx512 ? &avx512::function \
     : ::purnet::isa() == ::purnet::Isa::avx2 ? &avx2::function   \
                                              : &baseline::function)
#else
#define PURNET_SIMD(...) \
    namespace baseline { \
    __VA_ARGS__          \
    }
#define PURNET_PICK(function) (&baseline::function)
#endif
