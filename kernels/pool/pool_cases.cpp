#include <cmath>
#include <limits>

#include "kernels/pool/pool.h"
#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"

namespace purnet::pool {
namespace {

using namespace record;

// Calls body(input index, tap) for every position of the picture inside window (r, q).
template <class Body>
void window(const Problem& p, int64_t n, int64_t r, int64_t q, int64_t c, Body&& body) {
    for (int i = 0; i < p.kernel; ++i)
        for (int j = 0; j < p.kernel; ++j) {
            const int64_t h = r * p.stride - p.top + i, w = q * p.stride - p.left + j;
            if (h >= 0 && h < p.h && w >= 0 && w < p.w) body(((n * p.h + h) * p.w + w) * p.c + c, i * p.kernel + j);
        }
}

template <class Body>
void outputs(const Problem& p, Body&& body) {
    for (int64_t n = 0; n < p.n; ++n)
        for (int64_t r = 0; r < p.out_h; ++r)
            for (int64_t q = 0; q < p.out_w; ++q)
                for (int64_t c = 0; c < p.c; ++c) body(((n * p.out_h + r) * p.out_w + q) * p.c + c, n, r, q, c);
}

void reference_maximum(const Problem& p, const void* x, void* y, uint8_t* tap, const Context&) {
    const auto* in = static_cast<const double*>(x);
    outputs(p, [&](int64_t o, int64_t n, int64_t r, int64_t q, int64_t c) {
        double best = -std::numeric_limits<double>::infinity();
        int where = -1;
        window(p, n, r, q, c, [&](int64_t i, int t) {
            if (where < 0 || in[i] > best || std::isnan(in[i])) {
                best = in[i];
                where = t;
            }
        });
        static_cast<double*>(y)[o] = best;
        if (tap) tap[o] = static_cast<uint8_t>(where);
    });
}

void reference_maximum_backward(const Problem& p, const uint8_t* tap, const void* dy, void* dx, const Context&) {
    auto* out = static_cast<double*>(dx);
    for (int64_t i = 0; i < p.x_count(); ++i) out[i] = 0;
    outputs(p, [&](int64_t o, int64_t n, int64_t r, int64_t q, int64_t c) {
        window(p, n, r, q, c, [&](int64_t i, int t) {
            if (tap[o] == t) out[i] += static_cast<const double*>(dy)[o];
        });
    });
}

int positions(const Problem& p, int64_t r, int64_t q) {
    int count = 0;
    window(p, 0, r, q, 0, [&](int64_t, int) { ++count; });
    return count;
}

void reference_average(const Problem& p, const double* x, double* y, const Context&) {
    outputs(p, [&](int64_t o, int64_t n, int64_t r, int64_t q, int64_t c) {
        double sum = 0;
        window(p, n, r, q, c, [&](int64_t i, int) { sum += x[i]; });
        y[o] = sum / positions(p, r, q);
    });
}

void reference_average_backward(const Problem& p, const double* dy, double* dx, const Context&) {
    for (int64_t i = 0; i < p.x_count(); ++i) dx[i] = 0;
    outputs(p, [&](int64_t o, int64_t n, int64_t r, int64_t q, int64_t c) {
        window(p, n, r, q, c, [&](int64_t i, int) { dx[i] += dy[o] / positions(p, r, q); });
    });
}

void reference_global(const GlobalProblem& p, const double* x, double* y, void*, const Context&) {
    for (int64_t n = 0; n < p.images; ++n)
        for (int64_t c = 0; c < p.channels; ++c) {
            double sum = 0;
            for (int64_t r = 0; r < p.rows; ++r) sum += x[(n * p.rows + r) * p.channels + c];
            y[n * p.channels + c] = sum / static_cast<double>(p.rows);
        }
}

void reference_global_backward(const GlobalProblem& p, const double* dy, double* dx, const Context&) {
    for (int64_t n = 0; n < p.images; ++n)
        for (int64_t r = 0; r < p.rows; ++r)
            for (int64_t c = 0; c < p.channels; ++c)
                dx[(n * p.rows + r) * p.channels + c] = dy[n * p.channels + c] / static_cast<double>(p.rows);
}

std::string label(const Problem& p) {
    return concat("n", p.n, " h", p.h, " w", p.w, " c", p.c, " k", p.kernel, " s", p.stride, " t", p.top, " l", p.left, " oh", p.out_h,
                  " ow", p.out_w);
}

Case maximum_case(const Problem& p, bool real_layer = false) {
    const std::vector<int64_t> in{p.n, p.h, p.w, p.c}, out{p.n, p.out_h, p.out_w, p.c};
    Operand tap{.name = "tap", .role = Role::output, .kind = Kind::uint8, .shape = out, .differentiable = false};
    Operand tap_in = tap;
    tap_in.role = Role::input;
    tap_in.fill = Fill::labels;
    tap_in.limit = p.kernel * p.kernel;
    Case c{.label = "max " + label(p), .real_layer = real_layer};
    const double flops = static_cast<double>(p.y_count() * p.kernel * p.kernel);
    c.directions.push_back({.name = "maximum",
                            .operands = {input("x", in), output("y", out), tap},
                            .run =
                                [p](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::maximum, "maximum", key)(p, at[0], at[1], static_cast<uint8_t*>(at[2]), context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::maximum, key); },
                            .flops = flops});
    c.directions.push_back({.name = "maximum_backward",
                            .operands = {tap_in, input("dy", out), output("dx", in)},
                            .run =
                                [p](Key key, const Pointers& at, const Context& context) {
                                    table().get(&Kernels::maximum_backward, "maximum_backward", key)(p, static_cast<const uint8_t*>(at[0]),
                                                                                                     at[1], at[2], context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::maximum_backward, key); },
                            .flops = flops,
                            .multilinear = true,
                            .reduction = p.kernel * p.kernel});
    c.gradient = p.x_count() < 1000;  // equals within a step of a difference are kinks
    return c;
}

Case average_case(const Problem& p) {
    const std::vector<int64_t> in{p.n, p.h, p.w, p.c}, out{p.n, p.out_h, p.out_w, p.c};
    Case c{.label = "average " + label(p)};
    const double flops = static_cast<double>(p.y_count() * p.kernel * p.kernel);
    c.directions.push_back(
        {.name = "average",
         .operands = {input("x", in), output("y", out)},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::average, "average", key)(p, at[0], at[1], context); },
         .available = [](Key key) { return table().has(&Kernels::average, key); },
         .flops = flops,
         .rounding = 4 + static_cast<double>(p.kernel * p.kernel)});
    c.directions.push_back(
        {.name = "average_backward",
         .operands = {input("dy", out), output("dx", in)},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::average_backward, "average_backward", key)(p, at[0], at[1], context); },
         .available = [](Key key) { return table().has(&Kernels::average_backward, key); },
         .flops = flops,
         .rounding = 4 + static_cast<double>(p.kernel * p.kernel)});
    return c;
}

Case global_case(const GlobalProblem& p, bool real_layer = false) {
    const std::vector<int64_t> in{p.images, p.rows, p.channels}, out{p.images, p.channels};
    Case c{.label = concat("global n", p.images, " r", p.rows, " c", p.channels), .real_layer = real_layer};
    const double flops = static_cast<double>(p.images * p.rows * p.channels);
    c.directions.push_back(
        {.name = "global",
         .operands = {input("x", in), output("y", out), workspace(global_workspace(p))},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::global, "global", key)(p, at[0], at[1], at[2], context); },
         .available = [](Key key) { return table().has(&Kernels::global, key); },
         .flops = flops});
    c.directions.push_back(
        {.name = "global_backward",
         .operands = {input("dy", out), output("dx", in)},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::global_backward, "global_backward", key)(p, at[0], at[1], context); },
         .available = [](Key key) { return table().has(&Kernels::global_backward, key); },
         .flops = flops});
    return c;
}

std::vector<Case> cases() {
    const std::vector<Problem> problems{
        {.n = 1, .h = 1, .w = 1, .c = 1, .out_h = 1, .out_w = 1, .kernel = 3, .stride = 2, .top = 1, .left = 1},
        {.n = 2, .h = 7, .w = 5, .c = 3, .out_h = 4, .out_w = 3, .kernel = 3, .stride = 2, .top = 1, .left = 1},
        {.n = 1, .h = 5, .w = 7, .c = 17, .out_h = 3, .out_w = 4, .kernel = 2, .stride = 2},
        {.n = 2, .h = 6, .w = 4, .c = 65, .out_h = 6, .out_w = 4, .kernel = 3, .stride = 1, .top = 1, .left = 1},
        {.n = 1, .h = 8, .w = 6, .c = 4, .out_h = 4, .out_w = 3, .kernel = 3, .stride = 2, .top = 0, .left = 0},
        {.n = 1, .h = 11, .w = 4, .c = 2, .out_h = 4, .out_w = 2, .kernel = 5, .stride = 3, .top = 2, .left = 1},
        {.n = 3, .h = 31, .w = 29, .c = 33, .out_h = 16, .out_w = 15, .kernel = 3, .stride = 2, .top = 1, .left = 1}};
    std::vector<Case> list;
    for (const Problem& p : problems) {
        list.push_back(maximum_case(p));
        list.push_back(average_case(p));
    }
    list.push_back(
        maximum_case({.n = 4, .h = 160, .w = 160, .c = 64, .out_h = 80, .out_w = 80, .kernel = 3, .stride = 2, .top = 1, .left = 1}, true));
    for (const GlobalProblem& p : {GlobalProblem{1, 1, 1}, GlobalProblem{2, 7, 3}, GlobalProblem{3, 131, 17}, GlobalProblem{2, 999, 40}})
        list.push_back(global_case(p));
    for (const auto& row : pairwise({{1, 4, 8, 33}, {5, 6, 9}, {5, 8}, {2, 3, 5}, {1, 2, 3}, {0, 1}, {0, 1}, {1, 2}})) {
        Problem p{.n = row[7], .h = row[1], .w = row[2], .c = row[0]};
        p.kernel = static_cast<int>(row[3]);
        p.stride = static_cast<int>(row[4]);
        p.top = static_cast<int>(row[5]);
        p.left = static_cast<int>(row[6]);
        p.out_h = (p.h + 2 * p.top - p.kernel) / p.stride + 1;
        p.out_w = (p.w + 2 * p.left - p.kernel) / p.stride + 1;
        add_drawn(list, maximum_case(p));
        add_drawn(list, average_case(p));
    }
    for (const auto& row : pairwise({{1, 5, 64, 300}, {1, 4, 8, 33, 72}, {1, 2}})) add_drawn(list, global_case({row[2], row[0], row[1]}));
    list.push_back(global_case({4, 6400, 128}, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.maximum = reference_maximum,
                                                      .maximum_backward = reference_maximum_backward,
                                                      .average = erase<reference_average>,
                                                      .average_backward = erase<reference_average_backward>,
                                                      .global = erase<reference_global>,
                                                      .global_backward = erase<reference_global_backward>});
    return record::add({.name = "pool", .formula = "y = maximum or mean of x over a window, or over the whole picture", .cases = cases});
}();

}  // namespace
}  // namespace purnet::pool
