#include "kernels/rectify/rectify.h"

#include "kernels/rectify/rectify_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::rectify {
namespace {

void forward(int64_t count, const float* x, const float* e, float* y, const Context&) {
    const auto range = PURNET_PICK(forward_range);
    parallel_for(count, 8192, [&](int64_t begin, int64_t end) { range(x + begin, e + begin, y + begin, end - begin); });
}

void backward(int64_t count, const float* x, const float* e, const float* dy, float* dx, float* de, const Context&) {
    const auto range = PURNET_PICK(backward_range);
    parallel_for(count, 8192, [&](int64_t begin, int64_t end) {
        range(x + begin, e + begin, dy + begin, dx ? dx + begin : nullptr, de ? de + begin : nullptr, end - begin);
    });
}

}  // namespace

Table<Kernels>& table() {
    static Table<Kernels> kernels("rectify", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>, .backward = erase<backward>}}});
    return kernels;
}

}  // namespace purnet::rectify
