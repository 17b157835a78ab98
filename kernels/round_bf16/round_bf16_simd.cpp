#include "kernels/round_bf16/round_bf16_simd.h"

#include "kernels/simd/halves.h"

namespace purnet::round_bf16::PURNET_ISA_NAME {

using namespace purnet::PURNET_ISA_NAME;

void range(const float* x, uint16_t* y, int64_t count) {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) store_halves(y + i, nearest_half(load(x + i)), lanes);
    if (i < count) {
        const int part = static_cast<int>(count - i);
        store_halves(y + i, nearest_half(load_part(x + i, part)), part);
    }
}

}  // namespace purnet::round_bf16::PURNET_ISA_NAME
