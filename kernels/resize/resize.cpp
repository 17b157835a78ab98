#include "kernels/resize/resize.h"

#include <algorithm>
#include <cmath>

#include "kernels/resize/resize_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::resize {
namespace {

Reading reading(Mode mode, int64_t at, int64_t in, int64_t out) {
    if (mode == Mode::nearest) {
        const auto source = static_cast<int32_t>(std::min((2 * at + 1) * in / (2 * out), in - 1));
        return {source, source, 0.0f};
    }
    double s = 0;
    if (mode == Mode::bilinear_align_corners)
        s = out > 1 ? static_cast<double>(at) * static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0;
    else
        s = std::max((static_cast<double>(at) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5, 0.0);
    const int64_t first = std::min(static_cast<int64_t>(s), in - 1), second = std::min(first + 1, in - 1);
    return {static_cast<int32_t>(first), static_cast<int32_t>(second), static_cast<float>(s - static_cast<double>(first))};
}

// One axis: the readings of its outputs, and for each input its readers, which are neighbours because sources rise with the outputs.
struct Axis {
    Reading* readings;
    Readers* readers;

    Axis(Mode mode, int64_t in, int64_t out, void* memory)
        : readings(static_cast<Reading*>(memory)), readers(reinterpret_cast<Readers*>(readings + out)) {
        for (int64_t i = 0; i < in; ++i) readers[i] = {0, 0};
        for (int64_t o = 0; o < out; ++o) {
            readings[o] = reading(mode, o, in, out);
            for (int32_t source : {readings[o].first, readings[o].second}) {
                Readers& r = readers[source];
                if (r.end == 0) r.begin = static_cast<int32_t>(o);
                r.end = static_cast<int32_t>(o) + 1;
            }
        }
    }
    static size_t bytes(int64_t in, int64_t out) {
        return static_cast<size_t>(out) * sizeof(Reading) + static_cast<size_t>(in) * sizeof(Readers);
    }
};

int64_t grain(int64_t row_elements) { return 16384 / (row_elements + 1) + 1; }

void forward(const Problem& p, const float* x, float* y, void* workspace, const Context&) {
    const Axis rows(p.mode, p.h, p.out_h, workspace),
        columns(p.mode, p.w, p.out_w, static_cast<char*>(workspace) + Axis::bytes(p.h, p.out_h));
    const auto row_of = PURNET_PICK(forward_row);
    parallel_for(p.n * p.out_h, grain(p.out_w * p.c), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const Reading r = rows.readings[i % p.out_h];
            const float* image = x + i / p.out_h * p.h * p.w * p.c;
            row_of(image + r.first * p.w * p.c, image + r.second * p.w * p.c, r.weight, columns.readings, p.out_w, p.c,
                   y + i * p.out_w * p.c);
        }
    });
}

void backward(const Problem& p, const float* dy, float* dx, void* workspace, const Context&) {
    const Axis rows(p.mode, p.h, p.out_h, workspace),
        columns(p.mode, p.w, p.out_w, static_cast<char*>(workspace) + Axis::bytes(p.h, p.out_h));
    const auto row_of = PURNET_PICK(backward_row);
    parallel_for(p.n * p.h, grain(p.w * p.c), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t row = i % p.h;
            row_of(dy + i / p.h * p.out_h * p.out_w * p.c, rows.readings, rows.readers[row], static_cast<int32_t>(row), columns.readings,
                   columns.readers, p.w, p.out_w, p.c, dx + i * p.w * p.c);
        }
    });
}

}  // namespace

size_t workspace_bytes(const Problem& p) { return Axis::bytes(p.h, p.out_h) + Axis::bytes(p.w, p.out_w); }

Table<Kernels>& table() {
    static Table<Kernels> kernels("resize", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>, .backward = erase<backward>}}});
    return kernels;
}

}  // namespace purnet::resize
