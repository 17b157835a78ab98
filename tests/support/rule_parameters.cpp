#include "tests/support/rule_parameters.h"

#include <cmath>

#include "core/checkpoint.h"

namespace purnet::test {
namespace {

// [0, 1) on 2^-24 steps: splitmix64 seeded by the FNV-1a hash of the name.
std::vector<double> rule_uniform(const std::string& name, size_t count) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
    std::vector<double> values(count);
    for (size_t i = 0; i < count; ++i) {
        uint64_t z = hash + (i + 1) * 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        values[i] = static_cast<double>(z >> 40) * 0x1p-24;
    }
    return values;
}

double bilinear(int64_t kernel, int64_t i) {
    const double f = static_cast<double>((kernel + 1) / 2);
    return 1 - std::abs(static_cast<double>(i) - (f - 0.5)) / f;  // even kernels
}

}  // namespace

std::vector<double> rule_values(const std::string& name, const std::vector<int64_t>& shape) {
    int64_t count = 1;
    for (const int64_t extent : shape) count *= extent;
    std::vector<double> v = rule_uniform(name, static_cast<size_t>(count));
    const auto scaled = [&](double scale) {
        for (double& u : v) u = (2 * u - 1) * scale;
    };
    const bool kernel = shape.size() == 4;
    if (name.ends_with("running_mean")) {
        scaled(0.1);
    } else if (name.ends_with("running_var")) {
        for (double& u : v) u += 0.5;
    } else if (kernel && shape[2] >= 4 && shape[2] % 2 == 0) {
        scaled(0.02);
        for (int64_t c = 0; c < std::min(shape[0], shape[1]); ++c)
            for (int64_t y = 0; y < shape[2]; ++y)
                for (int64_t x = 0; x < shape[3]; ++x)
                    v[static_cast<size_t>(((c * shape[1] + c) * shape[2] + y) * shape[3] + x)] +=
                        bilinear(shape[2], y) * bilinear(shape[3], x);
    } else if (kernel) {
        scaled((shape[0] == 1 ? 8 : 1) * std::sqrt(6.0 / static_cast<double>(shape[1] * shape[2] * shape[3])));
    } else if (name.ends_with(".bias")) {
        scaled(0.1);
    } else if (count == 1) {
        for (double& u : v) u = 0.25 + (2 * u - 1) * 0.1;
    } else {
        const double g = name.ends_with("bn3.weight") ? 0.25 : name.starts_with("layer") || name.starts_with("lite0.") ? 1 : 0.5;
        for (double& u : v) u = g * (1 + (2 * u - 1) * 0.2);
    }
    for (double& u : v) u = static_cast<double>(static_cast<float>(u));
    return v;
}

void fill_by_rule(ParameterStore& store) {
    for (Parameter& p : store.all()) {
        const std::vector<double> values = from_file_order(p, rule_values(p.name, file_shape(p).vector()));
        p.value.copy_from(Tensor::from(values.data(), p.value.shape(), p.value.dtype()));
    }
}

}  // namespace purnet::test
