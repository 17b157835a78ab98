#include "kernels/add/add.h"

#include "kernels/add/add_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::add {
namespace {

void forward(int64_t count, const float* a, const float* b, float* y, const Context&) {
    const auto range = PURNET_PICK(add_range);
    parallel_for(count, 32768, [&](int64_t begin, int64_t end) { range(a + begin, b + begin, y + begin, end - begin); });
}

}  // namespace

Table<Kernels>& table() {
    static Table<Kernels> kernels("add", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>}}});
    return kernels;
}

}  // namespace purnet::add
