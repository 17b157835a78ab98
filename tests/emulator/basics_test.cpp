#include "tests/emulator/kernels/basics.h"

#include <doctest/doctest.h>

#include "kernels/runtime/scope.h"
#include "tests/emulator/child.h"
#include "tests/emulator/device.h"
#include "tests/emulator/engine/monitor.h"

namespace purnet::test {
namespace {

using emulator::FaultKind;
using seeded::Barrier;

std::vector<float> ramp(size_t count) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
    return values;
}

}  // namespace

TEST_CASE("emulator: elementwise kernel, every place of grid and block") {
    const DeviceArray<float> x(ramp(1000)), y(1000);
    for_each_schedule([&](const emulator::Schedule&) {
        seeded::twice(x.get(), y.get(), 1000, 0);
        for (size_t i = 0; i < 1000; ++i) REQUIRE(y[i] == 2 * x[i]);
    });
    const DeviceArray<int> out(3 * 2 * 2 * 5 * 4 * 3);
    seeded::places(out.get(), 3, 2, 2, 5, 4, 3);
    for (int z = 0; z < 6; ++z)
        for (int yy = 0; yy < 8; ++yy)
            for (int xx = 0; xx < 15; ++xx) REQUIRE(out[static_cast<size_t>((z * 8 + yy) * 15 + xx)] == 1000000 * z + 1000 * yy + xx);
}

TEST_CASE("emulator: launches beyond the device's limits are refused with op, layer, grid and block") {
    LayerScope layer("decoder.up1");
    OpScope op("nothing forward", [] { return std::string("n 1"); });
    auto message = [](unsigned grid, unsigned block, unsigned bytes) {
        try {
            seeded::launch_with(grid, block, bytes);
        } catch (const Error& e) {
            return std::string(e.what());
        }
        return std::string();
    };
    CHECK(message(1, 1024, 0).empty());
    CHECK(message(1, 32, 227 * 1024).empty());
    const std::string text = message(1, 1025, 0);
    CHECK(text ==
          "nothing forward (n 1) in layer decoder.up1: kernel launch: invalid configuration argument "
          "(cudaErrorInvalidConfiguration); grid (1,1,1), block (1025,1,1), 0 bytes of dynamic shared memory");
    CHECK(message(0, 32, 0).find("invalid configuration") != std::string::npos);
    CHECK(message(1, 32, 227 * 1024 + 1).find("has 232448") != std::string::npos);
    const Caught fault = caught([] { seeded::too_much_static(); });
    REQUIRE(fault.any);
    CHECK(fault.kind == FaultKind::launch_limit);
}

TEST_CASE("emulator: shared memory and barriers under every schedule") {
    const DeviceArray<float> x(ramp(6 * 128)), y(6 * 128);
    for_each_schedule([&](const emulator::Schedule&) {
        seeded::reverse_blocks(x.get(), y.get(), 6, Barrier::present);
        for (size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == x[i / 128 * 128 + 127 - i % 128]);
        seeded::reverse_blocks(x.get(), y.get(), 6, Barrier::with_exits);
        for (size_t i = 0; i < y.size(); ++i) REQUIRE(y[i] == x[i % 128 < 96 ? i / 128 * 128 + 95 - i % 128 : i]);
    });
    const int side = 75;
    const DeviceArray<float> a(ramp(side * side)), b(side * side);
    for_each_schedule([&](const emulator::Schedule&) {
        seeded::transpose(a.get(), b.get(), side);
        for (size_t r = 0; r < side; ++r)
            for (size_t c = 0; c < side; ++c) REQUIRE(b[c * side + r] == a[r * side + c]);
    });
}

TEST_CASE("emulator: a removed barrier gives a wrong result or is reported") {
    const DeviceArray<float> x(ramp(128)), y(128);
    const Caught fault = caught([&] { seeded::reverse_blocks(x.get(), y.get(), 1, Barrier::removed); });
    CHECK(fault.any == emulator::monitor::present);
    CHECK(!(y[0] == x[127]));  // NaN: read before it was written
}

TEST_CASE("emulator: threads at two barriers are reported with both places") {
    const DeviceArray<float> x(ramp(128)), y(128);
    for_each_schedule([&](const emulator::Schedule&) {
        const Caught fault = caught([&] { seeded::reverse_blocks(x.get(), y.get(), 1, Barrier::divergent); });
        REQUIRE(fault.any);
        CHECK(fault.kind == FaultKind::divergent_barrier);
        CHECK(fault.text.find("basics.cu:") != fault.text.rfind("basics.cu:"));
        CHECK_MESSAGE(fault.text.find("reverse_kernel") != std::string::npos, fault.text);
    });
}

TEST_CASE("emulator: named barriers; an arrival that never comes is reported") {
    std::vector<int> values(32 * 5);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int>(i);
    const DeviceArray<int> x(values), y(values.size());
    for_each_schedule([&](const emulator::Schedule&) {
        seeded::named_barriers(x.get(), y.get(), 5, false);
        for (size_t i = 0; i < values.size(); ++i) REQUIRE(y[i] == x[i / 32 * 32 + 31 - i % 32]);
        const Caught fault = caught([&] { seeded::named_barriers(x.get(), y.get(), 2, true); });
        REQUIRE(fault.any);
        CHECK(fault.kind == FaultKind::divergent_barrier);
        CHECK_MESSAGE(fault.text.find("nothing is left") != std::string::npos, fault.text);
    });
}

TEST_CASE("emulator: votes of a block") {
    std::vector<int> values(3 * 64, 1);
    for (size_t i = 0; i < 64; ++i) values[64 + i] = i % 3 == 0;
    for (size_t i = 0; i < 64; ++i) values[128 + i] = 0;
    const DeviceArray<int> x(values), out(9);
    for_each_schedule([&](const emulator::Schedule&) {
        seeded::votes_of_block(x.get(), out.get(), 3);
        const int wanted[] = {64, 1, 1, 22, 0, 1, 0, 0, 0};
        for (size_t i = 0; i < 9; ++i) CHECK(out[i] == wanted[i]);
    });
}

#if defined(__SANITIZE_ADDRESS__)
TEST_CASE("emulator: AddressSanitizer stops at a write beyond a tensor and beyond shared memory") {
    const DeviceArray<float> x(ramp(1001)), y(1000);
    ChildResult result = run_in_child([&] { seeded::twice(x.get(), y.get(), 1000, 1); });
    CHECK(result.stopped);
    CHECK_MESSAGE(result.output.find("heap-buffer-overflow") != std::string::npos, result.output);
    CHECK_MESSAGE(result.output.find("twice_kernel") != std::string::npos, result.output);
    result = run_in_child([&] { seeded::beyond_shared(y.get()); });
    CHECK(result.stopped);
    CHECK_MESSAGE(result.output.find("beyond_shared_kernel") != std::string::npos, result.output);
}

TEST_CASE("emulator: UBSan stops at a misaligned vector") {
    const DeviceArray<float> x(ramp(68)), y(68);
    seeded::twice_by_4(x.get(), y.get(), 64, 4);
    CHECK(y[5] == 2 * x[5]);
    const ChildResult result = run_in_child([&] { seeded::twice_by_4(x.get(), y.get(), 64, 1); });
    CHECK(result.stopped);
    CHECK_MESSAGE(result.output.find("misaligned address") != std::string::npos, result.output);
    CHECK_MESSAGE(result.output.find("vector.h:") != std::string::npos, result.output);
    CHECK_MESSAGE(result.output.find("twice_by_4_kernel") != std::string::npos, result.output);
    CHECK_MESSAGE(result.output.find(place_in("tests/emulator/kernels/basics.cu", "tile::load<4>(x")) != std::string::npos, result.output);
}
#endif

}  // namespace purnet::test
