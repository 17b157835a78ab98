#include "kernels/batch_norm/gradient_sums.h"

#include <algorithm>
#include <vector>

#include "kernels/batch_norm/batch_norm_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::batch_norm {

void gradient_sums(const NormOperands& norm, int64_t rows, int64_t channels, const float* dy, float* sums) {
    const auto add = PURNET_PICK(sums);
    const auto values = [](const void* p) { return static_cast<const float*>(p); };
    const int64_t parts = moment_parts(rows), plane = parts * channels;
    const bool prelu = norm.activation == Activation::prelu;
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
        std::vector<double> sum(static_cast<size_t>(3 * channels));  // the last third stays 0 but for prelu
        for (int64_t part = begin; part < end; ++part) {
            const int64_t first = part * moment_rows;
            add({norm.activation, std::min<int64_t>(rows - first, moment_rows), channels, values(norm.x) + first * channels, nullptr,
                 dy + first * channels, values(norm.mean), values(norm.inverse), values(norm.gamma), values(norm.beta),
                 prelu ? *values(norm.slope) : 0.0f, nullptr, nullptr, sum.data(), sum.data() + channels, sum.data() + 2 * channels});
            for (int64_t i = 0; i < 3 * channels; ++i)
                sums[i / channels * plane + part * channels + i % channels] = static_cast<float>(sum[static_cast<size_t>(i)]);
        }
    });
}

}  // namespace purnet::batch_norm
