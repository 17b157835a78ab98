// Training steps that are recorded once and launched again (apps/salient/step_replay.h), against the same steps launched kernel by kernel:
// the same bits, whatever sizes, rates and failures come between. On an emulated device or a real one.
#include <doctest/doctest.h>

#include <limits>
#include <map>

#include "apps/salient/stage.h"
#include "core/op.h"
#include "core/ops/activation.h"
#include "core/ops/reduce.h"
#include "kernels/runtime/host_slot.h"
#include "kernels/runtime/launch_graph.h"
#include "kernels/runtime/memory_reserve.h"
#include "layers/conv2d.h"
#include "nets/init.h"
#include "nets/name_maps.h"
#include "tests/device/place.h"
#include "tests/support/batches.h"
#include "tests/support/pictures.h"
#include "tests/support/refused.h"

namespace purnet::test {
namespace {

struct Form {
    int n, h, w, other_w;  // sizes of two kinds of batches
    DType dtype = DType::f32;
    int stage = 3;
    std::vector<bool> others = {false, false, false, true, true, false, false, true};
    int accumulate = 1;
    size_t steps() const { return others.size() / static_cast<size_t>(accumulate); }
};

// Two sizes in turn; of the third batch from the end, of a size that came before, the loss is not a number.
std::vector<Batch> batches(const Form& form) {
    std::vector<Batch> list;
    for (const bool other : form.others)
        list.push_back(batch_of(form.n, form.h, other ? form.other_w : form.w, static_cast<int>(list.size())));
    list[list.size() - 3].mask[100] = std::numeric_limits<float>::quiet_NaN();
    return list;
}

TrainConfig config_of(const char* optimiser, const char* recipe) {
    TrainConfig config;
    config.backbone = "light";
    config.width = 8;
    config.size = 32;
    config.recipe = recipe;
    config.optimiser = optimiser;
    config.warmup = 3;
    config.clip = 0.5;
    config.ema = 0.9;
    return config;
}

std::unique_ptr<PurNet> network(const TrainConfig& config, const Form& form) {
    auto net = std::make_unique<PurNet>(network_config(config, form.stage, false), place().device, form.dtype);
    initialise(net->parameters(), 3);
    return net;
}

struct Trained {
    NamedArrays state;  // parameters, statistics, optimiser, averages
    std::vector<StepReport> reports;
    std::vector<NotFinite> not_finite;
    std::string suspect, news;
};

// Steps [begin, end), with reports of the third and the last; what is to go on from `from`.
Trained train(const TrainConfig& config, const Form& form, size_t begin, size_t end, NamedArrays* from = nullptr) {
    const std::vector<Batch> all = batches(form);
    REQUIRE(end <= form.steps());
    Stage stage(config, form.stage, static_cast<int64_t>(form.steps()), network(config, form));
    if (from) stage.load_state(std::move(*from));
    Trained trained;
    for (size_t i = begin; i < end; ++i) {
        const BatchSource next = [&, at = i * static_cast<size_t>(form.accumulate)]() mutable { return all[at++]; };
        StepReport report = stage.step(next, form.accumulate, static_cast<int64_t>(i), i == 2 || i + 1 == form.steps());
        for (NotFinite& one : report.not_finite) trained.not_finite.push_back(std::move(one));
        if (!report.losses.empty()) trained.reports.push_back(std::move(report));
        if (const std::string news = stage.news(); !news.empty()) trained.news += news + "\n";
    }
    for (NotFinite& one : stage.settle()) trained.not_finite.push_back(std::move(one));
    for (const NotFinite& one : trained.not_finite) trained.suspect += stage.first_non_finite(one.suspects) + "\n";
    trained.state = stage.state(static_cast<int64_t>(end));
    return trained;
}

void check_same(const Trained& a, const Trained& b) {
    REQUIRE(a.state.size() == b.state.size());
    int changed = 0;
    for (const auto& [name, array] : a.state) {
        CHECK_MESSAGE(array.bytes == b.state.at(name).bytes, name);
        changed += array.bytes != b.state.at(name).bytes;
    }
    REQUIRE(changed == 0);
    CHECK(a.state.metadata == b.state.metadata);
    REQUIRE(a.reports.size() == b.reports.size());
    for (size_t i = 0; i < a.reports.size(); ++i) {
        CHECK(a.reports[i].finite);
        CHECK(b.reports[i].finite);
        CHECK(a.reports[i].losses == b.reports[i].losses);
        CHECK(a.reports[i].total == b.reports[i].total);
        CHECK(a.reports[i].error_floor == b.reports[i].error_floor);
        CHECK(a.reports[i].gradient_norm == b.reports[i].gradient_norm);
        CHECK(a.reports[i].gradient_norm > 0);
    }
    REQUIRE(a.not_finite.size() == b.not_finite.size());
    for (size_t i = 0; i < a.not_finite.size(); ++i) {
        CHECK(a.not_finite[i].step == b.not_finite[i].step);
        CHECK(a.not_finite[i].in_a_row == b.not_finite[i].in_a_row);
        CHECK(a.not_finite[i].pictures == b.not_finite[i].pictures);
    }
    CHECK(a.suspect == b.suspect);
}

void check_steps(const char* optimiser, const char* recipe, const Form& form, bool resumed) {
    CAPTURE(optimiser);
    CAPTURE(recipe);
    CAPTURE(name_of(form.dtype));
    TrainConfig config = config_of(optimiser, recipe);
    const size_t steps = form.steps(), bad = form.others.size() - 3;
    config.graph = false;
    const Trained eager = train(config, form, 0, steps);
    CHECK(eager.news == "steps are launched kernel by kernel: --no-graph\n");
    REQUIRE(eager.reports.size() == (steps > 3 ? 2 : 1));
    CHECK(eager.reports[0].gradient_norm > config.clip);
    REQUIRE(eager.not_finite.size() == 1);
    CHECK(eager.not_finite[0].step == static_cast<int64_t>(bad) / form.accumulate);
    CHECK(contains(eager.not_finite[0].pictures, concat("picture ", bad, ".0")));
    CHECK(eager.state.metadata.at("average.updates") == std::to_string(steps - 1));
    config.graph = true;
    const Trained as_one = train(config, form, 0, steps);
    CHECK(as_one.news == "a step is launched as one, recorded for each size of its batches\n");
    check_same(eager, as_one);
    if (!resumed) return;
    Trained first = train(config, form, 0, 4);
    const Trained second = train(config, form, 4, steps, &first.state);
    for (const auto& [name, array] : eager.state) CHECK_MESSAGE(array.bytes == second.state.at(name).bytes, name);
}

bool skipped(bool wanted) {
    if (!wanted) MESSAGE("skipped: PURNET_TEST_FULL=1 runs it");
    return !wanted;
}

}  // namespace

TEST_CASE("device step: what goes through a slot arrives behind what was launched before, and is there after its wait") {
    const Device device = place().device;
    CHECK_THROWS_AS(HostSlot(Device{}), Error);
    HostSlot slots[2] = {HostSlot(device), HostSlot(device)};
    const Tensor x = Tensor::zeros({300}, DType::f32, device), y = Tensor::zeros({1}, DType::f32, device);
    std::vector<const void*> sums(2);
    for (int i = 0; i < 9; ++i) {
        HostSlot& slot = slots[i % 2];
        slot.begin(4 * HostSlot::alignment + 2048);
        if (i >= 2) CHECK(*static_cast<const float*>(sums[static_cast<size_t>(i % 2)]) == 300.0f * static_cast<float>(i - 2));
        const std::vector<float> values(300, static_cast<float>(i));
        slot.send(x.raw(), values.data(), x.bytes());
        slot.deliver();
        y.copy_from(ops::sum(x));
        sums[static_cast<size_t>(i % 2)] = slot.fetch(y.raw(), sizeof(float));
        slot.end();
    }
    REFUSED(slots[0].send(x.raw(), sums.data(), size_t{1} << 20), "is full");
}

TEST_CASE("device step: a reserve's memory stays with what was recorded") {
    const Device device = place().device;
    ParameterStore store(device, DType::f32);
    const Conv2d conv(Scope(store, "a"), {.in = 4, .out = 8, .kernel = 3, .padding = 1});
    for (Parameter& p : store.all())
        p.value.copy_from(Tensor::from(std::vector<float>(static_cast<size_t>(p.value.count()), 0.25f).data(), p.value.shape()));
    const Tensor x = Tensor::zeros({1, 6, 6, 4}, DType::f32, device), y = Tensor::zeros({1}, DType::f32, device);
    const auto put = [&](float value) { x.copy_from(Tensor::from(std::vector<float>(144, value).data(), x.shape())); };
    const auto compute = [&] { y.copy_from(ops::sum(ops::relu(conv(x)))); };
    std::vector<double> wanted;
    for (const float value : {1.0f, 2.0f, -1.0f, 3.0f}) {
        put(value);
        compute();
        wanted.push_back(y.item());
    }
    CHECK(wanted[1] == 2 * wanted[0]);
    auto reserve = std::make_unique<MemoryReserve>(DeviceType::cuda);
    std::optional<Replay> replay(device);
    std::vector<double> got;
    std::vector<Tensor> others;
    size_t bytes = 0;
    for (const float value : {1.0f, 2.0f, -1.0f, 3.0f}) {
        put(value);
        replay->run([&](const Context&) {
            const MemoryReserve::Use use(*reserve);
            compute();
        });
        got.push_back(y.item());
        if (bytes) CHECK(reserve->bytes() == bytes);
        bytes = reserve->bytes();
        // Of the sizes that the launches use: none of their memory may come back here.
        for (const Shape& shape : {Shape{1, 6, 6, 8}, Shape{1}}) {
            others.push_back(Tensor::empty(shape, DType::f32, device));
            others.back().copy_from(Tensor::from(std::vector<float>(static_cast<size_t>(shape.count()), 7.0f).data(), shape));
        }
    }
    CHECK(bytes >= 6 * 6 * 8 * sizeof(float));
    CHECK(replay->as_one());
    CHECK(got == wanted);
    for (const Tensor& other : others)
        for (const float v : other.to_floats()) REQUIRE(v == 7.0f);
    // A recording may ask for more than the run before it did.
    Replay grows(device);
    int64_t rows = 1000;
    for (int i = 0; i < 2; ++i)
        grows.run([&](const Context&) {
            const MemoryReserve::Use use(*reserve);
            const Tensor more = Tensor::zeros({rows *= 8}, DType::f32, device);
        });
    CHECK(grows.as_one());
    CHECK(reserve->bytes() >= bytes + 72000 * sizeof(float));
    // Blocks may outlive it.
    Tensor late;
    {
        const MemoryReserve::Use use(*reserve);
        late = Tensor::zeros({1, 6, 6, 8}, DType::f32, device);
    }
    replay.reset();
    reserve.reset();
    CHECK(late.to_floats() == std::vector<float>(288, 0.0f));
}

TEST_CASE("device step: launched as one, the same bits as kernel by kernel") {
    if (skipped(place().one_step)) return;
    const std::vector<bool> others{false, false, true, false};
    check_steps("adamw", "paper", {.n = 1, .h = 32, .w = 32, .other_w = 48, .dtype = DType::bf16, .stage = 1, .others = others}, false);
}

TEST_CASE("device step: launched as one, of two batches of different sizes") {
    if (skipped(place().one_step)) return;
    const std::vector<bool> others{false, true, false, true, false, true};
    check_steps("adamw", "paper",
                {.n = 1, .h = 32, .w = 32, .other_w = 48, .dtype = DType::bf16, .stage = 1, .others = others, .accumulate = 2}, false);
}

TEST_CASE("device step: a recorded step makes of its pictures what the host makes of them") {
    const Device device = place().device;
    ParameterStore store(device, DType::f32);
    std::vector<ParameterGroup> groups;
    groups.emplace_back(GroupForm{.name = "all", .rate = 0.1}, std::vector<Parameter*>{&store.add("weight", {7})});
    const Sgd optimiser(std::move(groups));
    std::map<int64_t, BatchTensors> made;
    StepReplay replay(optimiser, [&](const std::vector<BatchTensors>& batches) {
        BatchTensors& result = made[batches[0].h];
        result = {};
        result = made_of(batches[0], DType::bf16);
        return StepTensors{};
    });
    int launched = 0;
    for (const int side : {24, 24, 40, 24, 40, 40}) {  // of one that is resized, and one that is not
        std::vector<Batch> batches{unaugmented_of(2, 40, side, side, launched)};
        const BatchTensors wanted = tensors_of(carried_out(batches[0]), DType::bf16, Device{});
        replay.run(launched, batches, {tensors_of(batches[0], DType::bf16, Device{})});
        replay.wait();
        CAPTURE(launched++);
        const BatchTensors& got = made.at(side);
        CHECK(got.rgb.to_floats() == wanted.rgb.to_floats());
        CHECK(got.mask.to_floats() == wanted.mask.to_floats());
        CHECK(got.labels.to_floats() == wanted.labels.to_floats());
    }
    CHECK(replay.as_one());
}

TEST_CASE("device step: pictures that the device changes, the same bits as with those that the host changed") {
    if (skipped(place().all_steps)) return;
    const Form form{.n = 1, .h = 32, .w = 32, .other_w = 32, .dtype = DType::bf16, .stage = 1};
    const auto trained = [&](bool on_host) {
        TrainConfig config = config_of("adamw", "paper");
        config.graph = !on_host;
        Stage stage(config, form.stage, 4, network(config, form));
        Trained result;
        for (int i = 0; i < 2; ++i) {
            const Batch batch = unaugmented_of(form.n, 40, form.h, form.w, i);
            result.reports.push_back(stage.step(on_host ? carried_out(batch) : batch, i, true));
            result.news += stage.news();
        }
        result.state = stage.state(2);
        return result;
    };
    const Trained here = trained(true), there = trained(false);
    CHECK(there.news == "a step is launched as one, recorded for each size of its batches");
    check_same(here, there);
}

TEST_CASE("device step: launched as one in bf16, recipe of the paper") {
    if (skipped(place().all_steps)) return;
    check_steps("adamw", "paper", {.n = 2, .h = 48, .w = 64, .other_w = 48, .dtype = DType::bf16}, false);
}

TEST_CASE("device step: launched as one in float32, recipe of the code, resumed") {
    if (skipped(place().all_steps)) return;
    check_steps("sgd", "code", {.n = 2, .h = 48, .w = 64, .other_w = 48}, true);
}

TEST_CASE("device step: launched as one, stage after stage") {
    if (skipped(place().all_steps)) return;
    const auto last_stage = [](bool graph) {
        TrainConfig config = config_of("sgd", "paper");
        config.graph = graph;
        std::unique_ptr<Stage> before;
        for (const int number : {1, 2, 3}) {
            const Form form{.n = 1, .h = 32, .w = 32, .other_w = 32, .dtype = DType::bf16, .stage = number};
            auto net = network(config, form);
            if (before) copy_common(*net, before->net());
            auto stage = std::make_unique<Stage>(config, number, 3, std::move(net));
            for (int i = 0; i < 3; ++i) CHECK(stage->step(batch_of(1, 32, 32, i), i, false).not_finite.empty());
            CHECK(stage->settle().empty());
            before = std::move(stage);
        }
        return before->state(3);
    };
    const NamedArrays eager = last_stage(false), as_one = last_stage(true);
    for (const auto& [name, array] : eager) CHECK_MESSAGE(array.bytes == as_one.at(name).bytes, name);
}

TEST_CASE("device step: one that cannot be recorded is made kernel by kernel, and that is said once") {
    if (skipped(place().all_steps)) return;
    // Reads what every op writes: a copy to the host, which no recording holds.
    struct Reader : OpObserver {
        std::vector<Tensor> observe(OpCall&& call) override {
            set_op_observer(nullptr);
            std::vector<Tensor> outputs = apply(std::move(call));
            outputs.front().to(Device{});
            set_op_observer(this);
            return outputs;
        }
    } reader;
    const Form form{.n = 1, .h = 32, .w = 32, .other_w = 32, .stage = 1};
    TrainConfig config = config_of("sgd", "paper");
    Stage stage(config, 1, 4, network(config, form));
    std::vector<std::string> news;
    set_op_observer(&reader);
    for (int i = 0; i < 3; ++i) {
        CHECK(stage.step(batch_of(1, 32, 32, i), i, i == 2).finite);
        news.push_back(stage.news());
    }
    set_op_observer(nullptr);
    CHECK(news[0] == "");
    CHECK(contains(news[1], "steps are launched kernel by kernel: "));
    CHECK(contains(news[1], "a copy between host and device cannot be part of what is recorded"));
    CHECK(news[2] == "");
    CHECK(stage.step([] { return std::optional<Batch>(); }, Stage::most_batches + 1, 3, false).ended);
    CHECK(contains(stage.news(), "--accumulate above 16"));
}

}  // namespace purnet::test
