// Three updates by each recipe's groups against float64 goldens (tests/goldens/optimiser), and what a step that must not happen does.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kernels/optimiser/optimiser.h"
#include "tests/support/goldens.h"

namespace purnet::test {
namespace {

using Vector = std::vector<double>;

template <class T>
std::vector<T> as(const Vector& values) {
    return {values.begin(), values.end()};
}

template <class T>
void check_sgd(Key key, double tolerance) {
    std::ifstream file(golden_path("optimiser/expected.json"));
    const nlohmann::json recipes = nlohmann::json::parse(file);
    const auto sgd = optimiser::table().get(&optimiser::Kernels::sgd, "sgd", key);
    int steps = 0;
    const auto close = [&](T got, double want) {
        CHECK(std::fabs(static_cast<double>(got) - want) <= tolerance * (std::fabs(want) + 0.1));
    };
    for (const auto& recipe : recipes)
        for (const auto& item : recipe.items()) {
            const auto& parameter = item.value();
            if (parameter.is_null()) continue;  // fixed in that stage
            const std::string& name = item.key();
            CAPTURE(name);
            const Vector start = parameter.at("start");
            std::vector<T> p = as<T>(start), v(p.size(), 0);
            for (const auto& step : parameter.at("steps")) {
                const Vector gradient = step.at("gradient"), momentum = step.at("momentum"), value = step.at("parameter");
                const std::vector<T> g = as<T>(gradient);
                const double rate = step.at("rate"), decay = step.at("weight_decay");
                const T typed_rate = static_cast<T>(rate);
                sgd({.count = static_cast<int64_t>(p.size()), .momentum = 0.9, .decay = decay}, &typed_rate, nullptr, g.data(), v.data(),
                    p.data(), {{key.device, 0}, nullptr});
                for (size_t i = 0; i < p.size(); ++i) {
                    close(v[i], momentum[i]);
                    close(p[i], value[i]);
                }
                ++steps;
            }
        }
    CHECK(steps > 50);
}

}  // namespace

TEST_CASE("optimiser: SGD equals the goldens of both recipes") {
    check_sgd<double>({DeviceType::reference, DType::f64}, 1e-10);
    check_sgd<float>({DeviceType::cpu, DType::f32}, 4 * 0x1p-24);
}

TEST_CASE("optimiser: a step that must not happen changes nothing") {
    const auto& table = optimiser::table();
    const Key key{DeviceType::cpu, DType::f32};
    const float rate = 1, bad = NAN;
    const int32_t proceed = 0, step = 1;
    float v = 2, p = 3, m = 4, s = 5;
    table.get(&optimiser::Kernels::sgd, "sgd", key)({1, 0.9, 0}, &rate, &proceed, &bad, &v, &p, {});
    table.get(&optimiser::Kernels::adamw, "adamw", key)({.count = 1}, &rate, &step, &proceed, &bad, &m, &s, &p, {});
    table.get(&optimiser::Kernels::ema, "ema", key)(1, &bad, &proceed, &bad, &p, {});
    CHECK((v == 2 && p == 3 && m == 4 && s == 5));
    int32_t updates = 7;
    float share = 6;
    table.get(&optimiser::Kernels::average_share, "average_share", key)(0.5, &proceed, &updates, &share, {});
    CHECK((updates == 7 && share == 6));
    table.get(&optimiser::Kernels::restore, "restore", key)(1, &proceed, &v, &p, {});
    CHECK(p == 2);
}

TEST_CASE("optimiser: gradients are not clipped by a norm that is not finite") {
    const auto clip_factor = optimiser::table().get(&optimiser::Kernels::clip_factor, "clip_factor", {DeviceType::cpu, DType::f32});
    for (const float square : {NAN, INFINITY, 4.0f}) {
        float factor = 0;
        clip_factor(2, &square, &factor, {});
        CHECK(factor == 1);
    }
}

}  // namespace purnet::test
