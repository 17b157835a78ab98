#include "kernels/record/gradient_sums.h"

#include <algorithm>

namespace purnet::record {
namespace {

using batch_norm::NormOperands;

double value(const void* values, int64_t i) { return static_cast<const double*>(values)[i]; }

// Calls body(index of an element, its h, its u, where its part lies in the first plane) with h of x + sign mean.
template <class Body>
void each_element(const NormOperands& norm, int64_t rows, int64_t channels, double sign, double* sums, Body&& body) {
    std::fill_n(sums, 3 * batch_norm::moment_parts(rows) * channels, 0.0);
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < channels; ++c) {
            const int64_t i = r * channels + c;
            const double h = (value(norm.x, i) + sign * value(norm.mean, c)) * value(norm.inverse, c);
            body(i, h, value(norm.gamma, c) * h + value(norm.beta, c), sums + r / batch_norm::moment_rows * channels + c);
        }
}

}  // namespace

void reference_gradient_sums(const NormOperands& norm, int64_t rows, int64_t channels, const double* dy, double* sums) {
    const int64_t plane = batch_norm::moment_parts(rows) * channels;
    each_element(norm, rows, channels, -1, sums, [&](int64_t i, double h, double u, double* to) {
        double g = dy[i], below = 0;
        if (norm.activation == Activation::relu && u <= 0) g = 0;
        if (norm.activation == Activation::relu6 && (u <= 0 || u >= 6)) g = 0;
        if (norm.activation == Activation::prelu && u <= 0) below = g * u, g *= value(norm.slope, 0);
        to[0] += g, to[plane] += g * h, to[2 * plane] += below;
    });
}

void gradient_sums_magnitude(const NormOperands& norm, int64_t rows, int64_t channels, const double* dy, double e, double* sums) {
    const int64_t plane = batch_norm::moment_parts(rows) * channels;
    const double terms = batch_norm::moment_rows + 2, a = norm.slope ? std::max(1.0, value(norm.slope, 0)) : 1;
    each_element(norm, rows, channels, 1, sums, [&](int64_t i, double h, double u, double* to) {
        to[0] += (e + terms) * a * dy[i];
        to[plane] += (e + 3 + terms) * a * h * dy[i];
        if (norm.slope) to[2 * plane] += (e + 6 + terms) * u * dy[i];
    });
}

}  // namespace purnet::record
