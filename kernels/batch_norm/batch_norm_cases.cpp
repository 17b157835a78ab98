#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/gradient_sums.h"
#include "kernels/batch_norm/moments.h"
#include "kernels/record/operands.h"
#include "kernels/record/pairwise.h"

namespace purnet::batch_norm {
namespace {

using namespace record;

const double* in(const void* p) { return static_cast<const double*>(p); }
double* out(void* p) { return static_cast<double*>(p); }

double act(Activation a, double u, double slope) {
    switch (a) {
        case Activation::relu: return std::max(u, 0.0);
        case Activation::relu6: return std::min(std::max(u, 0.0), 6.0);
        case Activation::prelu: return u > 0 ? u : slope * u;
        default: return u;
    }
}

double act_derivative(Activation a, double u, double slope) {
    switch (a) {
        case Activation::relu: return u > 0 ? 1 : 0;
        case Activation::relu6: return u > 0 && u < 6 ? 1 : 0;
        case Activation::prelu: return u > 0 ? 1 : slope;
        default: return 1;
    }
}

void merge_moments(const Problem& p, const double* moments, int64_t c, double& mean, double& variance) {
    const int64_t parts = moment_parts(p.rows);
    const auto at = [&](int64_t which, int64_t part) { return moments[(which * parts + part) * p.channels + c]; };
    const auto rows = [&](int64_t part) { return static_cast<double>(std::min<int64_t>(moment_rows, p.rows - part * moment_rows)); };
    const double n = static_cast<double>(p.rows);
    for (int64_t part = 0; part < parts; ++part) mean += (rows(part) * at(0, part) + at(1, part)) / n;
    for (int64_t part = 0; part < parts; ++part) {
        const double off = at(0, part) - mean;
        variance += (at(2, part) + 2 * off * at(1, part) + rows(part) * off * off) / n;
    }
}

void reference_forward(const Problem& p, const Forward& f, const Context&) {
    const double n = static_cast<double>(p.rows);
    for (int64_t c = 0; c < p.channels; ++c) {
        double mean = in(f.running_mean)[c], variance = in(f.running_var)[c];
        if (p.training) {
            mean = variance = 0;
            if (f.moments) {
                merge_moments(p, in(f.moments), c, mean, variance);
            } else {
                for (int64_t r = 0; r < p.rows; ++r) mean += in(f.x)[r * p.channels + c] / n;
                for (int64_t r = 0; r < p.rows; ++r) variance += std::pow(in(f.x)[r * p.channels + c] - mean, 2) / n;
            }
            const double unbiased = p.rows > 1 ? variance * n / (n - 1) : variance;
            out(f.running_mean)[c] = (1 - p.momentum) * in(f.running_mean)[c] + p.momentum * mean;
            out(f.running_var)[c] = (1 - p.momentum) * in(f.running_var)[c] + p.momentum * unbiased;
        }
        const double s = 1 / std::sqrt(variance + p.eps);
        out(f.mean)[c] = mean;
        out(f.inverse)[c] = s;
        out(f.shift)[c] = in(f.beta)[c];
        for (int64_t r = 0; r < p.rows; ++r) {
            const int64_t i = r * p.channels + c;
            const double u = in(f.gamma)[c] * (in(f.x)[i] - mean) * s + in(f.beta)[c] + (f.before ? in(f.before)[i] : 0);
            out(f.y)[i] = act(p.activation, u, f.slope ? *in(f.slope) : 0) + (f.after ? in(f.after)[i] : 0);
        }
    }
}

void reference_apply(const Problem& p, const Apply& a, const Context&) {
    for (int64_t i = 0; i < p.rows * p.channels; ++i) {
        const int64_t c = i % p.channels;
        const double h = (in(a.x)[i] - in(a.mean)[c]) * in(a.inverse)[c];
        const double u = in(a.gamma)[c] * h + in(a.shift)[c] + (a.before ? in(a.before)[i] : 0);
        out(a.y)[i] = act(p.activation, u, a.slope ? *in(a.slope) : 0) + (a.after ? in(a.after)[i] : 0);
    }
}

void reference_backward(const Problem& p, const Backward& b, const Context&) {
    const double n = static_cast<double>(p.rows);
    double dslope = 0;
    for (int64_t c = 0; c < p.channels; ++c) {
        const double mean = in(b.mean)[c], s = in(b.inverse)[c], gamma = in(b.gamma)[c];
        std::vector<double> g(static_cast<size_t>(p.rows)), h(static_cast<size_t>(p.rows));
        double dbeta = 0, dgamma = 0, below = 0;
        for (int64_t r = 0; r < p.rows; ++r) {
            const int64_t i = r * p.channels + c;
            const size_t k = static_cast<size_t>(r);
            h[k] = (in(b.x)[i] - mean) * s;
            const double u = gamma * h[k] + in(b.beta)[c] + (b.before ? in(b.before)[i] : 0);
            g[k] = in(b.dy)[i] * act_derivative(p.activation, u, b.slope ? *in(b.slope) : 0);
            below += in(b.dy)[i] * std::min(u, 0.0);
            dbeta += g[k];
            dgamma += g[k] * h[k];
        }
        if (b.sums) {
            const int64_t parts = moment_parts(p.rows);
            const auto total = [&](int64_t which) {
                double sum = 0;
                for (int64_t part = 0; part < parts; ++part) sum += in(b.sums)[(which * parts + part) * p.channels + c];
                return sum;
            };
            dbeta = total(0), dgamma = total(1), below = total(2);
        }
        dslope += below;
        if (b.dbeta) out(b.dbeta)[c] = dbeta;
        if (b.dgamma) out(b.dgamma)[c] = dgamma;
        for (int64_t r = 0; r < p.rows; ++r) {
            const int64_t i = r * p.channels + c;
            const size_t k = static_cast<size_t>(r);
            if (b.dbefore) out(b.dbefore)[i] = g[k];
            if (b.dx) out(b.dx)[i] = gamma * s * (p.training ? g[k] - dbeta / n - h[k] * dgamma / n : g[k]);
        }
    }
    if (b.dslope) *out(b.dslope) = dslope;
}

struct Variant {
    bool training;
    Activation activation;
    bool before, after;
};

// What the kernel before it has said of x, or the one behind it of dy. A case of its own: x does not move these here, so that the backward
// is no derivative.
enum class Given { nothing, moments, sums };

Case make_case(const Variant& v, int64_t rows, int64_t channels, bool real_layer = false, Given given = Given::nothing) {
    const Problem p{.rows = rows,
                    .channels = channels,
                    .training = v.training,
                    .activation = v.activation,
                    .has_before = v.before,
                    .has_after = v.after};
    const std::vector<int64_t> map{rows, channels}, vector{channels};
    const bool slope = v.activation == Activation::prelu;
    // Some channels lie beyond the cap of 6, some below 0.
    const double beta = v.activation == Activation::relu6 ? 9 : 1;
    // Operands are found by name: which ones exist depends on the variant.
    std::vector<Operand> f{input("x", map), parameter(input("gamma", vector, Fill::positive)),
                           parameter(input("beta", vector, Fill::any, beta))};
    for (const char* name : {"running_mean", "running_var"}) {
        Operand statistic = constant(parameter(input(name, vector, name[8] == 'v' ? Fill::positive : Fill::any)));
        if (v.training) statistic.role = Role::updated;
        f.push_back(statistic);
    }
    if (slope) f.push_back(parameter(input("slope", {1}, Fill::any, 0.25)));
    if (v.before) f.push_back(input("before", map));
    if (v.after) f.push_back(input("after", map));
    f.push_back(output("y", map));
    f.push_back(constant(parameter(output("mean", vector))));
    f.push_back(constant(parameter(output("inverse", vector))));
    // Its digits are those that rounding took from the mean: read beside that mean alone, by apply.
    Operand shift = workspace(sizeof(double) * static_cast<size_t>(channels));
    shift.name = "shift";
    f.push_back(shift);
    f.push_back(workspace(forward_workspace(p)));

    std::vector<Operand> again{input("x", map), parameter(input("gamma", vector, Fill::positive)),
                               parameter(input("mean", vector, Fill::any, 0.2)), parameter(input("inverse", vector, Fill::positive)),
                               parameter(input("shift", vector))};
    if (slope) again.push_back(parameter(input("slope", {1}, Fill::any, 0.25)));
    if (v.before) again.push_back(input("before", map));
    if (v.after) again.push_back(input("after", map));
    again.push_back(output("y", map));

    const bool active = v.activation != Activation::none;
    std::vector<Operand> b{input("x", map),
                           parameter(input("gamma", vector, Fill::positive)),
                           parameter(input("beta", vector, Fill::any, beta)),
                           parameter(input("mean", vector, Fill::any, 0.2)),
                           parameter(input("inverse", vector, Fill::positive)),
                           input("dy", map)};
    if (slope) b.push_back(parameter(input("slope", {1}, Fill::any, 0.25)));
    if (v.before && active) b.push_back(input("before", map));
    b.push_back(output("dx", map));
    b.push_back(parameter(output("dgamma", vector)));
    b.push_back(parameter(output("dbeta", vector)));
    if (slope) b.push_back(parameter(output("dslope", {1})));
    if (v.before && active) b.push_back(output("dbefore", map));
    b.push_back(workspace(backward_workspace(p)));
    if (given == Given::sums) b.push_back(parameter(input("sums", {3, moment_parts(rows), channels})));

    const auto find = [](const std::vector<Operand>& operands, const Pointers& at, std::string_view name) -> void* {
        for (size_t i = 0; i < operands.size(); ++i)
            if (operands[i].name == name) return at[i];
        return nullptr;
    };
    const double count = static_cast<double>(rows * channels);
    Case c{.label = concat(v.training ? "training " : "fixed ", name_of(v.activation), v.before ? " before" : "", v.after ? " after" : "",
                           " r", rows, " c", channels),
           .real_layer = real_layer};
    // With fewer than 30 rows in a part such numbers may be nobody's moments.
    if (given == Given::moments) f.push_back(constant(parameter(input("moments", {3, moment_parts(rows), channels}, Fill::positive))));
    c.directions.push_back({.name = given == Given::moments ? "forward_from_moments" : "forward",
                            .operands = f,
                            .run =
                                [=](Key key, const Pointers& at, const Context& context) {
                                    const auto of = [&](std::string_view name) { return find(f, at, name); };
                                    table().get(&Kernels::forward, "forward", key)(
                                        p,
                                        {of("x"), of("gamma"), of("beta"), of("running_mean"), of("running_var"), of("slope"), of("before"),
                                         of("after"), of("y"), of("mean"), of("inverse"), of("shift"), of("workspace"), of("moments")},
                                        context);
                                },
                            .available = [](Key key) { return table().has(&Kernels::forward, key); },
                            .flops = count * (v.training ? 8 : 4),
                            .bytes = count * sizeof(float) * ((v.training && given != Given::moments ? 3 : 2) + v.before + v.after)});
    if (given == Given::moments) return c;
    c.directions.push_back(
        {.name = "apply",
         .operands = again,
         .run =
             [=](Key key, const Pointers& at, const Context& context) {
                 const auto of = [&](std::string_view name) { return find(again, at, name); };
                 table().get(&Kernels::apply, "apply", key)(
                     p, {of("x"), of("gamma"), of("mean"), of("inverse"), of("shift"), of("slope"), of("before"), of("after"), of("y")},
                     context);
             },
         .available = [](Key key) { return table().has(&Kernels::apply, key); },
         .flops = count * 4,
         .bytes = count * sizeof(float) * (2 + v.before + v.after)});
    c.directions.push_back(
        {.name = given == Given::sums ? "backward_from_sums" : "backward",
         .operands = b,
         .run =
             [=](Key key, const Pointers& at, const Context& context) {
                 const auto of = [&](std::string_view name) { return find(b, at, name); };
                 table().get(&Kernels::backward, "backward", key)(
                     p,
                     {of("x"), of("gamma"), of("beta"), of("mean"), of("inverse"), of("slope"), of("before"), of("dy"), of("dx"),
                      of("dgamma"), of("dbeta"), of("dslope"), of("dbefore"), of("workspace"), of("sums")},
                     context);
             },
         .available = [](Key key) { return table().has(&Kernels::backward, key); },
         .flops = count * 16,
         .bytes = count * sizeof(float) * ((v.training && given != Given::sums ? 5 : 3) + (v.before && active ? 2 : 0))});
    if (given == Given::sums) c.directions.erase(c.directions.begin(), c.directions.end() - 1);
    c.gradient = !active || count < 1000;
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    const std::vector<Variant> variants{
        {true, Activation::prelu, false, false}, {true, Activation::prelu, false, true},  {true, Activation::relu, true, false},
        {true, Activation::relu, false, false},  {true, Activation::relu6, true, true},   {true, Activation::relu6, false, false},
        {true, Activation::none, false, false},  {true, Activation::none, true, false},   {true, Activation::prelu, true, true},
        {false, Activation::prelu, false, true}, {false, Activation::relu, true, false},  {false, Activation::none, false, false},
        {false, Activation::none, false, true},  {false, Activation::relu6, false, false}};
    for (const Variant& v : variants) {
        list.push_back(make_case(v, 1, 1));
        list.push_back(make_case(v, 7, 3));
        list.push_back(make_case(v, 13, 33));
        list.push_back(make_case(v, 2003, 17));
        list.push_back(make_case(v, 3, 2049));
    }
    list.push_back(make_case(variants[0], 40000, 1));
    for (const int64_t rows : {31, 64, 100, 192, 2400}) {
        list.push_back(make_case(variants[3], rows, 40, false, Given::moments));
        list.push_back(make_case(variants[4], rows, 33, false, Given::moments));
        for (const size_t v : {1, 5, 6, 9}) list.push_back(make_case(variants[v], rows, rows == 64 ? 33 : 40, false, Given::sums));
    }
    // Channels that are whole vectors, of float32 alone or of bf16 too.
    std::vector<int64_t> all(variants.size());
    std::iota(all.begin(), all.end(), 0);
    for (const auto& row : pairwise({all, {5, 64, 300}, {4, 8, 64}}))
        add_drawn(list, make_case(variants[static_cast<size_t>(row[0])], row[1], row[2]));
    // Layers of the training step of batch 4 at 320 x 320.
    list.push_back(make_case(variants[3], 4 * 160 * 160, 64, true));
    list.push_back(make_case(variants[2], 4 * 80 * 80, 256, true));
    list.push_back(make_case(variants[0], 4 * 80 * 80, 128, true));
    list.push_back(make_case(variants[1], 4 * 40 * 40, 128, true));
    list.push_back(make_case(variants[2], 4 * 20 * 20, 2048, true));
    list.push_back(make_case(variants[10], 4 * 80 * 80, 256, true));
    list.push_back(make_case(variants[0], 12 * 48 * 48, 48, true));
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64},
                {.forward = reference_forward, .apply = reference_apply, .backward = reference_backward});
    return record::add(
        {.name = "batch_norm", .formula = "y = act((x - mean) / sqrt(var + eps) gamma + beta + before) + after", .cases = cases});
}();

}  // namespace
}  // namespace purnet::batch_norm
