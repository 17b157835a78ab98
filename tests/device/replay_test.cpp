// What is recorded once and launched again (kernels/runtime/launch_graph.h): on memory that stays its own, and with a reason where it
// cannot be.
#include <doctest/doctest.h>

#include "core/op.h"
#include "core/ops/activation.h"
#include "core/plan/plan.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/launch_graph.h"
#include "kernels/runtime/memory_reserve.h"
#include "kernels/runtime/scope.h"
#include "kernels/runtime/warning.h"
#include "tests/device/place.h"
#include "tests/support/pictures.h"

namespace purnet::test {
namespace {

std::vector<std::string>& warnings() {
    static std::vector<std::string> all;
    return all;
}

}  // namespace

TEST_CASE("device step: a plan that cannot be recorded is warned of, once, and its steps have their layers") {
    const Device device = place().device;
    const Tensor x = Tensor::zeros({1, 4, 4, 8}, DType::f32, device);
    const auto plan_of = [&](bool reads) {
        return Plan({Tensor::symbolic(x.shape(), x.dtype(), device)}, [reads](const std::vector<Tensor>& in) {
            const Tensor y = ops::relu(in[0]);
            if (!reads) return std::vector<Tensor>{y};
            const LayerScope layer("decoder.reader");
            return apply(OpCall{
                .name = "reads", .inputs = {y}, .outputs = {{y.shape(), y.dtype()}}, .forward = [](const Arguments& a, const Context& c) {
                    char byte = 0;
                    copy_bytes(&byte, Device{}, a.in(0), c.device, 1);
                }});
        });
    };
    const WarningSink before = set_warning_sink([](const std::string& sentence) { warnings().push_back(sentence); });
    Plan recorded = plan_of(false);
    CHECK(recorded.launched() == "launched as one graph from the second run on");
    for (int i = 0; i < 3; ++i) recorded.run({x});
    CHECK(recorded.launched() == "launched as one graph");
    CHECK(warnings().empty());
    for (int plans = 0; plans < 2; ++plans) {
        Plan plan = plan_of(true);
        for (int i = 0; i < 3; ++i) plan.run({x});
        CHECK(contains(plan.text(), "\treads\tdecoder.reader\t1x4x4x8 -> 1x4x4x8"));
        CHECK(contains(plan.launched(), "launched kernel by kernel: "));
        REQUIRE(warnings().size() == 1);
        CHECK(contains(warnings()[0], "not as one CUDA graph"));
        CHECK(contains(warnings()[0], "a copy between host and device"));
    }
    set_warning_sink(before);
}

TEST_CASE("device step: what measuring takes is not kept with what a recorded step computes") {
    const Device device = place().device;
    MemoryReserve reserve(DeviceType::cuda);
    choices::measure(true);
    int measured = 0;
    {
        const MemoryReserve::Use use(reserve);
        const Block first(device, 5000);
        choices::choose("a test of reserves", {"one", "other"}, "one", [&](const std::string&) {
            const Block operands(device, size_t{3} << 20);
            return static_cast<double>(++measured);
        });
        const Block second(device, 5000);
    }
    choices::measure(false);
    choices::know({});
    CHECK(measured == 2);
    CHECK(reserve.bytes() >= 10000);
    CHECK(reserve.bytes() < 100000);
}

TEST_CASE("device step: what cannot be recorded goes on by itself and says why") {
    const Device device = place().device;
    const Tensor x = Tensor::zeros({1}, DType::f32, device);
    int runs = 0;
    Replay replay(device);
    const auto body = [&](const Context&) {
        x.item();
        ++runs;
    };
    for (int i = 0; i < 3; ++i) replay.run(body);
    CHECK(!replay.as_one());
    CHECK(contains(replay.why_not(), "a copy between host and device"));
    CHECK(runs == 3);
    Replay allocates(device);
    std::vector<Tensor> kept;
    for (int i = 0; i < 3; ++i) allocates.run([&](const Context&) { kept.push_back(Tensor::empty({777}, DType::f32, device)); });
    CHECK(contains(allocates.why_not(), "memory is asked for outside of a reserve while launches are recorded"));
    Replay on_host(Device{});
    for (int i = 0; i < 2; ++i) on_host.run([](const Context&) {});
    CHECK(contains(on_host.why_not(), "has no launch graphs"));
}

}  // namespace purnet::test
