#include "kernels/concat/concat.h"
#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"

namespace purnet::concat_channels {
namespace {

using namespace record;

void reference_forward(const Problem& p, const void* const* parts, void* y, const Context&) {
    auto* out = static_cast<double*>(y);
    for (int64_t r = 0; r < p.rows; ++r)
        for (size_t k = 0; k < p.widths.size(); ++k)
            for (int64_t c = 0; c < p.widths[k]; ++c) *out++ = static_cast<const double*>(parts[k])[r * p.widths[k] + c];
}

void reference_backward(const Problem& p, const void* dy, void* const* dparts, const Context&) {
    const auto* in = static_cast<const double*>(dy);
    for (int64_t r = 0; r < p.rows; ++r)
        for (size_t k = 0; k < p.widths.size(); ++k)
            for (int64_t c = 0; c < p.widths[k]; ++c, ++in)
                if (dparts[k]) static_cast<double*>(dparts[k])[r * p.widths[k] + c] = *in;
}

Case make_case(int64_t rows, const std::vector<int64_t>& widths) {
    const Problem p{rows, widths};
    Case c{.label = concat("r", rows)};
    std::vector<Operand> forward, backward;
    int64_t total = 0;
    for (int64_t w : widths) total += w;
    backward.push_back(input("dy", {rows, total}));
    for (size_t k = 0; k < widths.size(); ++k) {
        c.label += concat(" c", widths[k]);
        forward.push_back(input(concat("part", k), {rows, widths[k]}));
        backward.push_back(output(concat("dpart", k), {rows, widths[k]}));
    }
    forward.push_back(output("y", {rows, total}));
    c.directions.push_back({.name = "forward",
                            .operands = forward,
                            .run =
                                [p](Key key, const Pointers& at, const Context& context) {
                                    const std::vector<const void*> parts(at.begin(), at.end() - 1);
                                    table().get(&Kernels::forward, "forward", key)(p, parts.data(), at.back(), context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::forward, key); },
                            .flops = static_cast<double>(rows * total),
                            .multilinear = true});
    c.directions.push_back(
        {.name = "backward",
         .operands = backward,
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::backward, "backward", key)(p, at[0], at.data() + 1, context); },
         .available = [](Key key) { return table().has(&Kernels::backward, key); },
         .flops = static_cast<double>(rows * total),
         .multilinear = true});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list{make_case(1, {1}), make_case(7, {3, 5}), make_case(13, {1, 33, 16}), make_case(5000, {17, 2, 1, 30})};
    // Rows, parts (a launch of the CUDA twin takes 16), and the widths of even and odd parts: whole vectors of either type or not.
    for (const auto& row : pairwise({{1, 13, 200}, {1, 2, 5, 17}, {1, 4, 8, 33}, {2, 8, 16}})) {
        std::vector<int64_t> widths;
        for (int64_t k = 0; k < row[1]; ++k) widths.push_back(row[k % 2 ? 3 : 2]);
        add_drawn(list, make_case(row[0], widths));
    }
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = reference_forward, .backward = reference_backward});
    return record::add({.name = "concat", .formula = "y = parts side by side along the channels", .cases = cases});
}();

}  // namespace
}  // namespace purnet::concat_channels
