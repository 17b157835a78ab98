// One training step of several batches (--accumulate), on the CPU.
#include "apps/salient/stage.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "nets/init.h"
#include "tests/support/batches.h"

namespace purnet::test {
namespace {

TrainConfig config_of_stage() {
    TrainConfig config;
    config.backbone = "light";
    config.width = 8;
    config.size = 32;
    config.recipe = "paper";
    config.optimiser = "sgd";
    config.clip = 0.5;
    config.ema = 0.9;
    return config;
}

std::unique_ptr<PurNet> network(const TrainConfig& config) {
    auto net = std::make_unique<PurNet>(network_config(config, 3, false), Device{});
    initialise(net->parameters(), 3);
    return net;
}

struct Draws {
    std::vector<Batch> batches;
    size_t drawn = 0;
    BatchSource source() {
        return [this]() -> std::optional<Batch> {
            if (drawn == batches.size()) return std::nullopt;
            return batches[drawn++];
        };
    }
};

Batch not_finite(Batch batch) {
    batch.mask[100] = std::numeric_limits<float>::quiet_NaN();
    return batch;
}

}  // namespace

// Half of a gradient twice is the gradient, to the last bit. What one pass changes, two passes change twice: running statistics.
TEST_CASE("stage: a step of one batch twice is the step of that batch") {
    const TrainConfig config = config_of_stage();
    Stage once(config, 3, 4, network(config)), twice(config, 3, 4, network(config));
    const Batch batch = batch_of(2, 32, 32, 1);
    const StepReport a = once.step(batch, 0, true);
    Draws draws{{batch, batch}};
    const StepReport b = twice.step(draws.source(), 2, 0, true);
    CHECK(draws.drawn == 2);
    CHECK(a.total > 0);
    CHECK(b.total == a.total);
    CHECK(b.losses == a.losses);
    CHECK(b.error_floor == a.error_floor);
    CHECK(b.gradient_norm == a.gradient_norm);
    const NamedArrays one = once.state(1), two = twice.state(1);
    REQUIRE(one.size() == two.size());
    int compared = 0;
    for (const auto& [name, array] : one) {
        if (name.find("running_") != std::string::npos) continue;
        CHECK_MESSAGE(array.bytes == two.at(name).bytes, name);
        ++compared;
    }
    CHECK(compared > 100);
}

TEST_CASE("stage: pictures that are changed in the step, the same bits as with those that came changed") {
    const TrainConfig config = config_of_stage();
    Stage before(config, 3, 4, network(config)), within(config, 3, 4, network(config));
    for (int i = 0; i < 3; ++i) {
        const Batch batch = unaugmented_of(2, 48, i == 1 ? 32 : 48, i == 1 ? 32 : 48, i);
        const StepReport a = before.step(carried_out(batch), i, true), b = within.step(batch, i, true);
        CHECK(a.total > 0);
        CHECK(b.total == a.total);
        CHECK(b.losses == a.losses);
        CHECK(b.error_floor == a.error_floor);
        CHECK(within.first_non_finite({batch}).empty());
    }
    const NamedArrays one = before.state(3), two = within.state(3);
    REQUIRE(one.size() == two.size());
    for (const auto& [name, array] : one) CHECK_MESSAGE(array.bytes == two.at(name).bytes, name);
}

TEST_CASE("stage: the next step's batches are the same ones, whether this one was finite or not") {
    const TrainConfig config = config_of_stage();
    Stage stage(config, 3, 4, network(config));
    Draws draws{{not_finite(batch_of(1, 32, 32, 0)), batch_of(1, 32, 32, 1), batch_of(1, 32, 32, 2), batch_of(1, 32, 32, 3)}};
    const NamedArrays before = stage.state(0);
    const StepReport bad = stage.step(draws.source(), 3, 0, false);
    CHECK(draws.drawn == 3);
    CHECK(!bad.finite);
    CHECK(!bad.ended);
    REQUIRE(bad.not_finite.size() == 1);
    CHECK(bad.not_finite[0].pictures == "picture 0.0");
    const NamedArrays after = stage.state(0);
    for (const auto& [name, array] : before) CHECK_MESSAGE(array.bytes == after.at(name).bytes, name);

    // A stop between its batches: the step was not done, and will be begun again with all of them.
    draws.drawn = 0;
    draws.batches.resize(2);
    const StepReport ended = stage.step(draws.source(), 3, 0, false);
    CHECK(ended.ended);
    CHECK(ended.not_finite.empty());
}

}  // namespace purnet::test
