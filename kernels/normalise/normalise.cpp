#include "kernels/normalise/normalise.h"

#include "kernels/runtime/parallel.h"

namespace purnet::normalise {
namespace {

// A look-up an element, in the order of memory: as fast as the 4 bytes that are written.
template <size_t C>
void look_up(const Problem& p, const uint8_t* x, float* y) {
    std::array<std::array<float, C>, 256> values;
    for (size_t byte = 0; byte < 256; ++byte)
        for (size_t c = 0; c < C; ++c)
            values[byte][c] = static_cast<float>((static_cast<double>(byte) / p.scale - p.mean[c]) / p.deviation[c]);
    parallel_for(p.pixels, 16384, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (size_t c = 0; c < C; ++c) {
                const size_t at = static_cast<size_t>(i) * C + c;
                y[at] = values[x[at]][c];
            }
    });
}

void forward(const Problem& p, const uint8_t* x, float* y, const Context&) {
    check(p);
    p.channels == 1 ? look_up<1>(p, x, y) : look_up<3>(p, x, y);
}

}  // namespace

void check(const Problem& p) {
    require(p.channels == 1 || p.channels == 3, "normalise: a picture of ", p.channels, " channels; it takes 1 or 3");
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("normalise", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>}}});
    return kernels;
}

}  // namespace purnet::normalise
