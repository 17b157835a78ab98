#include "kernels/round_bf16/round_bf16.h"

#include "kernels/round_bf16/round_bf16_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::round_bf16 {
namespace {

void forward(const Problem& p, const float* x, bf16* y, const Context&) {
    const auto of = PURNET_PICK(range);
    parallel_for(p.count, 16384, [&](int64_t begin, int64_t end) { of(x + begin, &y[begin].bits, end - begin); });
}

}  // namespace

Table<Kernels>& table() {
    static Table<Kernels> kernels("round_bf16", {{{DeviceType::cpu, DType::bf16}, {.forward = erase<forward>}}});
    return kernels;
}

}  // namespace purnet::round_bf16
