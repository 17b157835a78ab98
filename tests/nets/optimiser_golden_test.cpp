// Three updates of a few vectors by each recipe's groups against tests/goldens/optimiser.
#include "core/optim/optimiser.h"
#include "nets/purnet_groups.h"
#include "tests/support/network_goldens.h"

namespace purnet {
namespace {

using namespace test;

void check_updates(const Place& place, double tolerance) {
    double worst = 0;
    const auto expected = read_json(golden_path("optimiser/expected.json"));
    for (const auto& one : expected.items()) {
        const std::string& name = one.key();  // stageN_RECIPE
        const auto& vectors = one.value();
        CAPTURE(name);
        const int stage = name[5] - '0';
        const Recipe recipe = name.ends_with("code") ? Recipe::code : Recipe::paper;
        ParameterStore store(place.device, place.dtype);
        for (const auto& [parameter, entry] : vectors.items()) {
            Parameter& p = store.add(parameter, {3});
            if (!entry.is_null()) p.value.copy_from(Tensor::from(entry["start"].get<std::vector<double>>().data(), {3}, place.dtype));
        }
        Sgd optimiser(purnet_groups(store, recipe, stage, 1000));
        for (size_t step = 0; step < 3; ++step) {
            optimiser.clear_gradients();
            for (const ParameterGroup& group : optimiser.groups())
                for (Parameter* p : group.parameters()) {
                    const auto& entry = vectors[p->name];
                    REQUIRE_FALSE(entry.is_null());
                    const auto& wanted = entry["steps"][step];
                    p->grad.copy_from(Tensor::from(wanted["gradient"].get<std::vector<double>>().data(), {3}, place.dtype));
                    p->has_grad = true;
                    CHECK(group.rate(static_cast<int64_t>(step)) == doctest::Approx(wanted["rate"].get<double>()).epsilon(1e-14));
                    CHECK(group.form().weight_decay == wanted["weight_decay"].get<double>());
                }
            optimiser.complete_gradients();
            optimiser.step(static_cast<int64_t>(step));
            const NamedArrays state = optimiser.state();
            size_t moved = 0;
            for (const auto& item : vectors.items()) {
                const std::string& parameter = item.key();
                const auto& entry = item.value();
                CAPTURE(parameter);
                const Tensor value = store.find(parameter)->value;
                if (entry.is_null()) {  // fixed in this stage
                    CHECK(value.to_doubles() == std::vector<double>(3, 0.0));
                    CHECK_FALSE(state.contains("optimiser.momentum." + parameter));
                    continue;
                }
                ++moved;
                const auto& wanted = entry["steps"][step];
                const double p = relative_to_largest(value.to_doubles(), wanted["parameter"].get<std::vector<double>>());
                const double v = relative_to_largest(to_float64(state.at("optimiser.momentum." + parameter)),
                                                     wanted["momentum"].get<std::vector<double>>());
                CHECK(p <= tolerance);
                CHECK(v <= tolerance);
                worst = std::max({worst, p, v});
            }
            CHECK(state.size() == moved);
        }
    }
    MESSAGE(std::string(place.name) << " optimiser: " << worst);
}

}  // namespace

TEST_CASE("golden purnet: optimiser in float64 on the reference device") { check_updates(reference_place, 1e-14); }
TEST_CASE("golden purnet: optimiser in float32 on the CPU") { check_updates(cpu_place, 3e-7); }

}  // namespace purnet
