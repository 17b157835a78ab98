#include <cmath>
#include <vector>

#include "kernels/record/operands.h"
#include "kernels/resize/resize_picture.h"

namespace purnet::resize_picture {
namespace {

using namespace record;

// One axis of the contract: rows of `inner` bytes, `outer` times. The weights are rounded as Pillow does it, which is part of the formula;
// the sum is exact.
std::vector<uint8_t> along(const std::vector<uint8_t>& x, int64_t outer, int64_t in, int64_t out, int64_t inner) {
    if (in == out) return x;
    std::vector<uint8_t> y(static_cast<size_t>(outer * out * inner));
    const double scale = static_cast<double>(in) / static_cast<double>(out), width = std::fmax(scale, 1.0);
    for (int64_t i = 0; i < out; ++i) {
        const double centre = (static_cast<double>(i) + 0.5) * scale;
        const auto low = static_cast<int64_t>(std::fmax(std::trunc(centre - width + 0.5), 0.0));
        const auto high = static_cast<int64_t>(std::fmin(std::trunc(centre + width + 0.5), static_cast<double>(in)));
        std::vector<double> share;
        double sum = 0;
        for (int64_t k = low; k < high; ++k) {
            const double from_centre = std::fabs((static_cast<double>(k) - centre + 0.5) * (1.0 / width));
            share.push_back(from_centre < 1 ? 1 - from_centre : 0);
            sum += share.back();
        }
        for (int64_t o = 0; o < outer; ++o)
            for (int64_t j = 0; j < inner; ++j) {
                int64_t total = 1 << 21;
                for (int64_t k = low; k < high; ++k)
                    total += static_cast<int64_t>(std::floor(share[static_cast<size_t>(k - low)] / sum * 4194304.0 + 0.5)) *
                             x[static_cast<size_t>((o * in + k) * inner + j)];
                y[static_cast<size_t>((o * out + i) * inner + j)] = static_cast<uint8_t>(total / 4194304);
            }
    }
    return y;
}

void reference_forward(const Problem& p, const uint8_t* x, uint8_t* y, void*, const Context&) {
    const std::vector<uint8_t> whole(x, x + p.images * p.h * p.w * p.channels);
    const std::vector<uint8_t> done =
        along(along(whole, p.images * p.h, p.w, p.out_w, p.channels), p.images, p.h, p.out_h, p.out_w * p.channels);
    std::copy(done.begin(), done.end(), y);
}

Case make_case(const Problem& p, bool real_layer = false) {
    const auto bytes = [](std::string name, Role role, std::vector<int64_t> shape) {
        return Operand{.name = std::move(name),
                       .role = role,
                       .kind = Kind::uint8,
                       .shape = std::move(shape),
                       .fill = Fill::labels,
                       .limit = 256,
                       .differentiable = false};
    };
    const double columns = static_cast<double>(p.images * p.h * p.out_w * p.channels * most_taps(p.w, p.out_w)),
                 rows = static_cast<double>(p.images * p.out_h * p.out_w * p.channels * most_taps(p.h, p.out_h));
    return {.label = concat(p.images > 1 ? concat("n", p.images, " ") : std::string(), "h", p.h, " w", p.w, " c", p.channels, " oh",
                            p.out_h, " ow", p.out_w),
            .real_layer = real_layer,
            .directions = {{.name = "forward",
                            .operands = {bytes("x", Role::input, {p.images, p.h, p.w, p.channels}),
                                         bytes("y", Role::output, {p.images, p.out_h, p.out_w, p.channels}), workspace(workspace_bytes(p))},
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], at[2], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::forward, key); },
                            .flops = 2 * (columns + rows),
                            .bytes = static_cast<double>(p.images * (p.h * p.w + p.out_h * p.out_w) * p.channels)}},
            .gradient = false};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    list.push_back(make_case({1, 1, 1, 1, 1}));
    list.push_back(make_case({1, 1, 3, 5, 7}));
    list.push_back(make_case({9, 14, 3, 1, 1}));
    list.push_back(make_case({13, 11, 3, 13, 11}));  // a copy
    list.push_back(make_case({32, 16, 1, 32, 16}));  // in vectors
    list.push_back(make_case({13, 11, 3, 13, 29}));  // one axis
    list.push_back(make_case({13, 11, 3, 6, 11}));   // the other
    list.push_back(make_case({37, 53, 3, 20, 32}));  // rows of whole vectors
    list.push_back(make_case({29, 41, 3, 64, 80}));  // larger
    list.push_back(make_case({31, 200, 1, 7, 13}));  // many taps
    list.push_back(make_case({200, 31, 4, 13, 7}));
    list.push_back(make_case({67, 45, 3, 31, 44}));
    list.push_back(make_case({97, 101, 2, 98, 3}));
    list.push_back(make_case({1501, 3, 1, 1301, 2}));   // more rows than a grid has blocks along one axis
    list.push_back(make_case({37, 53, 3, 20, 32, 3}));  // several
    list.push_back(make_case({20, 24, 3, 32, 24, 2}));
    list.push_back(make_case({20, 23, 1, 20, 31, 4}));
    list.push_back(make_case({11, 7, 3, 11, 7, 2}));
    list.push_back(make_case({3000, 4000, 3, 320, 320}, true));
    return list;
}

const bool registered = [] {
    const char* const why_not = "bytes in, bytes out: the key of float32 alone";
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>});
    return record::add({.name = "resize_picture",
                        .formula = "bytes at another size: triangle filter of half width max(s, 1), s = in / out, rounded along each axis",
                        .cases = cases,
                        .gradient = false,
                        .absent = {{{DeviceType::cpu, DType::bf16}, why_not}, {{DeviceType::cuda, DType::bf16}, why_not}}});
}();

}  // namespace
}  // namespace purnet::resize_picture
