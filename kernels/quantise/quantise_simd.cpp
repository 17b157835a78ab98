#include "kernels/quantise/quantise_simd.h"

#include "kernels/simd/bytes.h"

namespace purnet::quantise::PURNET_ISA_NAME {

using namespace purnet::PURNET_ISA_NAME;

void range(float inverse_scale, float zero, const float* x, uint8_t* y, int64_t count) {
    const vfloat s = broadcast(inverse_scale), z = broadcast(zero);
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) store_bytes(y + i, nearest_byte(load(x + i) * s + z), lanes);
    if (i < count) {
        const int part = static_cast<int>(count - i);
        store_bytes(y + i, nearest_byte(load_part(x + i, part) * s + z), part);
    }
}

}  // namespace purnet::quantise::PURNET_ISA_NAME
