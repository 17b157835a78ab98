// The averaged weights on the device: launches do not grow with the number of statistics.
#include "core/optim/ema.h"

#include <doctest/doctest.h>

#include "tests/device/place.h"
#include "tests/emulator/engine/engine.h"

namespace purnet::test {

TEST_CASE("emulator: averaging takes three launches, however many statistics there are") {
    const Device device = place().device;
    constexpr int count = 5;
    ParameterStore store(device, DType::f32);
    Parameter& weight = store.add("weight", {7});
    std::vector<Parameter*> statistics;
    for (int i = 0; i < count; ++i) statistics.push_back(&store.add("s" + std::to_string(i), {3}, FileLayout::as_is, true));
    const Tensor stretch = Tensor::zeros({count * 16}, DType::f32, device);
    for (int i = 0; i < count; ++i) statistics[static_cast<size_t>(i)]->value = stretch.part(16 * i, {3});
    std::vector<ParameterGroup> groups;
    groups.emplace_back(GroupForm{.name = "all", .rate = 0.1}, std::vector<Parameter*>{&weight});
    Sgd optimiser(std::move(groups));
    Ema average(optimiser, store, 0.9, stretch);
    const float value[] = {1, 2, 4};
    statistics[4]->value.copy_from(Tensor::from(value, {3}));
    optimiser.clear_gradients();
    optimiser.complete_gradients();
    optimiser.step(0);
    const uint64_t before = emulator::counters().launches;
    average.update();
    CHECK(emulator::counters().launches - before == 3);  // the share, the weights, the statistics
    average.swap();
    CHECK(statistics[4]->value.to_floats() == std::vector<float>{0.9f, 1.8f, 3.6f});  // of the first update 9/10 is new
    CHECK(statistics[3]->value.to_floats() == std::vector<float>{0, 0, 0});
}

}  // namespace purnet::test
