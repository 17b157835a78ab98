#include "kernels/quantise/quantise.h"

#include "kernels/quantise/quantise_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::quantise {
namespace {

void forward(const Problem& p, const float* x, uint8_t* y, const Context&) {
    const auto of = PURNET_PICK(range);
    parallel_for(p.count, 16384,
                 [&](int64_t begin, int64_t end) { of(1 / p.scale, static_cast<float>(p.zero), x + begin, y + begin, end - begin); });
}

}  // namespace

Table<Kernels>& table() {
    static Table<Kernels> kernels("quantise", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>}}});
    return kernels;
}

}  // namespace purnet::quantise
