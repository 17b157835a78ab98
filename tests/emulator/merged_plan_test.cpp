// What merging makes of predictions (core/plan/merge.h): launches, and the map.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "core/plan/plan.h"
#include "nets/init.h"
#include "nets/purnet.h"
#include "tests/device/place.h"
#include "tests/emulator/engine/engine.h"

namespace purnet::test {
namespace {

struct Prediction {
    size_t steps = 0;
    uint64_t launches = 0;
    std::string text;
    std::vector<float> map;
};

// picture: empty: nothing is run.
Prediction predict(Backbone backbone, DType type, int side, const Tensor& picture) {
    PurNetConfig config;
    config.backbone = backbone;
    config.width = 8;
    config.size = side;
    PurNet net(config, place().device, type);
    initialise(net.parameters(), 5);
    Plan plan({Tensor::symbolic({1, side, side, 3}, type, place().device)},
              [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{net.map(in[0])}; });
    Prediction made;
    made.text = plan.text();
    made.steps = static_cast<size_t>(std::count(made.text.begin(), made.text.end(), '\n'));
    if (!picture) return made;
    const uint64_t before = emulator::counters().launches;
    made.map = plan.run({picture})[0].to_floats();
    made.launches = emulator::counters().launches - before;
    return made;
}

struct Both {
    Prediction apart, merged;
};

Both predict_both(Backbone backbone, DType type, int side, const Tensor& picture = {}) {
    setenv("PURNET_MERGE", "0", 1);
    Both both{predict(backbone, type, side, picture), {}};
    unsetenv("PURNET_MERGE");
    both.merged = predict(backbone, type, side, picture);
    return both;
}

size_t count(const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

// The rows of launches that three decoders and the two branches of rectification share.
constexpr size_t converts = 5, ups = 6, branches = 3, saved = 2 * (converts + ups) + branches;

}  // namespace

TEST_CASE("emulator: a light network's prediction has 25 launches less when merged, and the same map to the bit") {
    constexpr int side = 32;
    for (const DType type : {DType::f32, DType::bf16}) {
        std::vector<float> values(side * side * 3);
        for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>((i * 2654435761u >> 8) % 512) / 256 - 1;
        const auto [apart, merged] =
            predict_both(Backbone::light, type, side, Tensor::from(values.data(), {1, side, side, 3}, type, place().device));
        MESSAGE("light, ", name_of(type), ": ", apart.launches, " launches, merged ", merged.launches);
        CHECK(saved == 25);
        CHECK(apart.launches - merged.launches == saved);
        CHECK(count(apart.text, " merged: ") == 0);
        CHECK(count(merged.text, "3 merged: ") == converts + ups);
        CHECK(count(merged.text, "2 merged: ") == branches);
        CHECK(merged.map == apart.map);
        const auto [low, high] = std::minmax_element(merged.map.begin(), merged.map.end());
        CHECK(*high - *low > 1e-3f);  // else any map would do
    }
}

TEST_CASE("emulator: of ResNet-50 the projections of stride 1 are merged with what reads the same map, too") {
    const auto [apart, merged] = predict_both(Backbone::resnet50, DType::bf16, 64);
    MESSAGE("ResNet-50: ", apart.steps, " lines, merged ", merged.steps);
    CHECK(apart.steps - merged.steps == saved + 2);
    CHECK(count(merged.text, "\nsteps in 2 branches\n") == 1);
    CHECK(count(merged.text, "layer1.0.conv1, layer1.0.downsample.0") == 1);
    CHECK(count(merged.text, "layer4.0.conv1, layer4.0.downsample.0") == 1);
}

}  // namespace purnet::test
