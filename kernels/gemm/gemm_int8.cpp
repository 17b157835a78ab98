#include "kernels/gemm/gemm_int8.h"

namespace purnet::gemm {

Form8 best_form8() { return isa() == Isa::avx512 && cpu_features().avx512_vnni ? Form8::bytes : Form8::words; }

Functions8 functions8() { return {PURNET_PICK(gemm8_packed_bytes), PURNET_PICK(gemm8_pack_b), PURNET_PICK(gemm8_run)}; }

}  // namespace purnet::gemm
