// What is recorded once and launched again (kernels/runtime/launch_graph.h): on memory that stays its own, and with a reason where it
// cannot be.
#include <doctest/doctest.h>

#include "core/tensor.h"
#include "kernels/runtime/launch_graph.h"
#include "tests/device/place.h"
#include "tests/support/pictures.h"

namespace purnet::test {

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
