#include "kernels/record/packed_reference.h"

#include <algorithm>

namespace purnet::record {

void sum_reference(const conv2d::Problem& problem, conv2d::Pass pass, const void* x, const void* weight, void* y) {
    const Key key{DeviceType::reference, DType::f64};
    if (pass == conv2d::Pass::forward)
        conv2d::table().get(&conv2d::Kernels::forward, "forward", key)(problem, x, weight, nullptr, y, nullptr, {});
    else
        conv2d::table().get(&conv2d::Kernels::backward_data, "backward_data", key)(problem, x, weight, y, nullptr, {});
}

void finish_reference(const conv2d::Epilogue& epilogue, float top, int64_t channels, int64_t count, const void* bias, const void* before,
                      const void* after, void* y) {
    const auto of = [](const void* p) { return static_cast<const double*>(p); };
    auto* values = static_cast<double*>(y);
    for (int64_t i = 0; i < count; ++i) {
        double v = values[i];
        if (bias) v += of(bias)[i % channels];
        if (before) v += of(before)[i];
        v = std::min(v > 0 ? v : static_cast<double>(epilogue.slope) * v, static_cast<double>(top));
        values[i] = after ? v + of(after)[i] : v;
    }
}

}  // namespace purnet::record
