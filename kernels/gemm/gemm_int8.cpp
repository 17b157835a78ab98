#include "kernels/gemm/gemm_int8.h"

namespace purnet::gemm {

bool runs(Form8 form) {
    const CpuFeatures& cpu = cpu_features();
    return form == Form8::words || (isa() == Isa::avx512 && cpu.avx512_vnni) || (isa() == Isa::avx2 && cpu.avx_vnni);
}

// A CPU with AVX-512 that is held to AVX2 shall be like one that has no more.
Form8 best_form8() { return runs(Form8::bytes) && (isa() == Isa::avx512 || !cpu_features().avx512) ? Form8::bytes : Form8::words; }

Functions8 functions8() { return {PURNET_PICK(gemm8_packed_bytes), PURNET_PICK(gemm8_pack_b), PURNET_PICK(gemm8_run)}; }

}  // namespace purnet::gemm
