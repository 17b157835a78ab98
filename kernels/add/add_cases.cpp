#include "kernels/add/add.h"
#include "kernels/record/record.h"

namespace purnet::add {
namespace {

using namespace record;

void reference(int64_t count, const double* a, const double* b, double* y, const Context&) {
    for (int64_t i = 0; i < count; ++i) y[i] = a[i] + b[i];
}

Case make_case(int64_t count) {
    Direction forward{.name = "forward",
                      .operands = {{"a", Role::input, Kind::activation, {count}},
                                   {"b", Role::input, Kind::activation, {count}},
                                   {"y", Role::output, Kind::activation, {count}}},
                      .run = [count](Key key, const Pointers& p,
                                     const Context& c) { table().get(&Kernels::forward, "forward", key)(count, p[0], p[1], p[2], c); },
                      .available = [](Key key) { return table().has(&Kernels::forward, key); },
                      .flops = static_cast<double>(count),
                      .multilinear = true,
                      .reduction = 2};
    return {"n" + std::to_string(count), count == 40960, {std::move(forward)}};
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (int64_t count : {1, 2, 15, 16, 17, 31, 1000, 40960, 70001}) list.push_back(make_case(count));
    return list;
}

// Its derivative is the identity: nothing to compute, hence no backward direction.
const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference>});
    return record::add({.name = "add", .formula = "y = a + b", .cases = cases, .gradient = false});
}();

}  // namespace
}  // namespace purnet::add
