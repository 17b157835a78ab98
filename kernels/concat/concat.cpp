#include "kernels/concat/concat.h"

#include <cstring>
#include <numeric>

#include "kernels/runtime/parallel.h"

namespace purnet::concat_channels {
namespace {

// Calls copy(part, bytes of its row, offset in y) for every row and part.
template <class Copy>
void each_row(const Problem& p, Copy&& copy) {
    const int64_t total = std::accumulate(p.widths.begin(), p.widths.end(), int64_t{0});
    parallel_for(p.rows, 16384 / (total + 1) + 1, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
            int64_t offset = r * total;
            for (size_t k = 0; k < p.widths.size(); ++k) {
                copy(k, r * p.widths[k], offset, static_cast<size_t>(p.widths[k]) * sizeof(float));
                offset += p.widths[k];
            }
        }
    });
}

void forward(const Problem& p, const void* const* parts, void* y, const Context&) {
    each_row(p, [&](size_t k, int64_t at, int64_t offset, size_t bytes) {
        std::memcpy(static_cast<float*>(y) + offset, static_cast<const float*>(parts[k]) + at, bytes);
    });
}

void backward(const Problem& p, const void* dy, void* const* dparts, const Context&) {
    each_row(p, [&](size_t k, int64_t at, int64_t offset, size_t bytes) {
        if (dparts[k]) std::memcpy(static_cast<float*>(dparts[k]) + at, static_cast<const float*>(dy) + offset, bytes);
    });
}

}  // namespace

Table<Kernels>& table() {
    static Table<Kernels> kernels("concat", {{{DeviceType::cpu, DType::f32}, {.forward = forward, .backward = backward}}});
    return kernels;
}

}  // namespace purnet::concat_channels
