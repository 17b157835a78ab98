// The access monitor: seeded defects by name, and the cost of accesses as numbers.
#include "tests/emulator/engine/monitor.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <doctest/doctest.h>

#include <numeric>

#include "tests/emulator/child.h"
#include "tests/emulator/device.h"
#include "tests/emulator/kernels/access.h"
#include "tests/emulator/kernels/basics.h"
#include "tests/emulator/kernels/matrix.h"
#include "tests/emulator/kernels/warps.h"

namespace purnet::test {
namespace {

using emulator::FaultKind;
using emulator::Schedule;
namespace monitor = emulator::monitor;

void check_fault(const Caught& fault, FaultKind kind, const char* file) {
    REQUIRE(fault.any);
    CHECK_MESSAGE(fault.kind == kind, fault.text);
    CHECK_MESSAGE(fault.text.find(file) != std::string::npos, fault.text);
}

std::vector<float> ramp(size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), 0.0f);
    return values;
}

double worst_ratio(const std::vector<monitor::AccessCost>& costs, bool shared, bool write) {
    double worst = 0;
    for (const auto& cost : costs)
        if (cost.shared == shared && cost.write == write) worst = std::max(worst, cost.ratio());
    return worst;
}

}  // namespace

TEST_CASE("monitor: a write beyond a tensor or a shared array, and a misaligned vector") {
    const DeviceArray<float> x(ramp(1001)), y(1000);
    check_fault(caught([&] { seeded::twice(x.get(), y.get(), 1000, 1); }), FaultKind::out_of_bounds, "tests/emulator/kernels/basics.cu:");
    check_fault(caught([&] { seeded::beyond_shared(y.get()); }), FaultKind::out_of_bounds, "tests/emulator/kernels/basics.cu:");
    const DeviceArray<float> a(ramp(68)), b(68);
    seeded::twice_by_4(a.get(), b.get(), 64, 4);
    const Caught misaligned = caught([&] { seeded::twice_by_4(a.get(), b.get(), 64, 1); });
    check_fault(misaligned, FaultKind::misaligned, "twice_by_4_kernel");
    const std::string caller = "twice_by_4_kernel at " + place_in("tests/emulator/kernels/basics.cu", "tile::load<4>(x");
    CHECK_MESSAGE(misaligned.text.find("load<4, float> at kernels/tile/vector.h:") != std::string::npos, misaligned.text);
    CHECK_MESSAGE(misaligned.text.find(caller) != std::string::npos, misaligned.text);
}

TEST_CASE("monitor: a removed barrier") {
    const DeviceArray<float> x(ramp(128)), y(128);
    for_each_schedule([&](const Schedule& s) {
        seeded::reverse_blocks(x.get(), y.get(), 1, seeded::Barrier::present);
        const Caught fault = caught([&] { seeded::reverse_blocks(x.get(), y.get(), 1, seeded::Barrier::removed); });
        REQUIRE(fault.any);
        CAPTURE(s.seed);
        CHECK_MESSAGE((fault.kind == FaultKind::race || fault.kind == FaultKind::uninitialised), fault.text);
        CHECK_MESSAGE(fault.text.find("tests/emulator/kernels/basics.cu:") != std::string::npos, fault.text);
    });
}

TEST_CASE("monitor: races between threads and between blocks, also of blocks that ran one after the other") {
    for_each_schedule([&](const Schedule&) {
        const DeviceArray<int> word(std::vector<int>{0});
        check_fault(caught([&] { seeded::racing_threads(word.get()); }), FaultKind::race, "tests/emulator/kernels/warps.cu:");
        check_fault(caught([&] { seeded::racing_blocks(word.get(), 2); }), FaultKind::race, "tests/emulator/kernels/warps.cu:");
        seeded::racing_blocks(word.get(), 1);
    });
}

TEST_CASE("monitor: kernels without a defect are silent") {
    for_each_schedule([&](const Schedule&) {
        const DeviceArray<float> x(ramp(3000)), out(3), partial(47), total(1), side(75 * 75), turned(75 * 75);
        const DeviceArray<unsigned> counter(std::vector<unsigned>{0});
        const DeviceArray<unsigned char> bytes(std::vector<unsigned char>(999, 3));
        const DeviceArray<int> bins(std::vector<int>(256, 0)), numbers(std::vector<int>(160, 1)), moved(160), votes(9);
        CHECK(caught([&] {
                  seeded::block_sums(x.get(), out.get(), 3000);
                  seeded::last_block_sum(x.get(), partial.get(), total.get(), counter.get(), 3000, seeded::Fence::present);
                  seeded::histogram(bytes.get(), bins.get(), 999);
                  seeded::named_barriers(numbers.get(), moved.get(), 5, false);
                  seeded::votes_of_block(numbers.get(), votes.get(), 2);
                  seeded::halves(numbers.get(), moved.get());
                  seeded::transpose(x.get(), turned.get(), 50);
              }).text == "");
    });
}

TEST_CASE("monitor: the last block needs both fences") {
    const DeviceArray<float> x(ramp(640)), partial(10), total(1);
    for (const seeded::Fence fence : {seeded::Fence::missing_release, seeded::Fence::missing_acquire}) {
        const DeviceArray<unsigned> counter(std::vector<unsigned>{0});
        check_fault(caught([&] { seeded::last_block_sum(x.get(), partial.get(), total.get(), counter.get(), 640, fence); }),
                    FaultKind::race, "tests/emulator/kernels/warps.cu:");
    }
}

TEST_CASE("monitor: __syncwarp orders, a shuffle does not") {
    const DeviceArray<int> out(64);
    seeded::exchange_in_warp(out.get(), seeded::Exchange::syncwarp);
    CHECK(out[0] == 31);
    const Caught fault = caught([&] { seeded::exchange_in_warp(out.get(), seeded::Exchange::shuffle); });
    check_fault(fault, FaultKind::race, "tests/emulator/kernels/access.cu:");
    const Caught across = caught([&] { seeded::exchange_in_warp(out.get(), seeded::Exchange::other_warp); });
    REQUIRE(across.any);
    CHECK_MESSAGE((across.kind == FaultKind::race || across.kind == FaultKind::uninitialised), across.text);
}

TEST_CASE("monitor: a flag between blocks carries what was written before its release") {
    const DeviceArray<int> data(2), out(1);
    for (const Schedule& s : {Schedule{Schedule::forward, 0, 1}, Schedule{Schedule::reverse, 0, 1}, Schedule{Schedule::shuffled, 3, 2}}) {
        emulator::schedule() = s;
        const DeviceArray<unsigned> flag(std::vector<unsigned>{0});
        seeded::hand_over(data.get(), flag.get(), out.get(), true);
        CHECK(out[0] == 42);
        const DeviceArray<unsigned> again(std::vector<unsigned>{0});
        check_fault(caught([&] { seeded::hand_over(data.get(), again.get(), out.get(), false); }), FaultKind::race,
                    "tests/emulator/kernels/access.cu:");
    }
    emulator::schedule() = {};
}

TEST_CASE("monitor: what an asynchronous copy has yet to bring") {
    const DeviceArray<uint32_t> x(std::vector<uint32_t>(4 * 256, 7)), y(4 * 256);
    seeded::staged_copy(x.get(), y.get(), 4, seeded::Copy::right);
    for (const seeded::Copy copy : {seeded::Copy::no_wait, seeded::Copy::one_group_short}) {
        const Caught fault = caught([&] { seeded::staged_copy(x.get(), y.get(), 4, copy); });
        REQUIRE(fault.any);
        CHECK_MESSAGE((fault.kind == FaultKind::missing_wait || fault.kind == FaultKind::race), fault.text);
    }
    const Caught fault = caught([&] { seeded::staged_copy(x.get(), y.get(), 1, seeded::Copy::no_barrier); });
    REQUIRE(fault.any);
    CHECK_MESSAGE((fault.kind == FaultKind::missing_wait || fault.kind == FaultKind::race || fault.kind == FaultKind::uninitialised),
                  fault.text);
}

TEST_CASE("monitor: sectors of global memory") {
    const DeviceArray<float> x(ramp(4096)), y(4096);
    monitor::begin_counting();
    seeded::twice(x.get(), y.get(), 1024, 0);
    auto costs = monitor::end_counting();
    CHECK(costs.size() == 2);
    CHECK(worst_ratio(costs, false, false) == 1.0);
    CHECK(worst_ratio(costs, false, true) == 1.0);
    CHECK(costs[0].requests == 32);
    monitor::begin_counting();
    seeded::copy_strided(x.get(), y.get(), 1024, 4);  // 16 bytes apart: each sector holds two values instead of eight
    costs = monitor::end_counting();
    CHECK(worst_ratio(costs, false, false) == 4.0);
    CHECK(worst_ratio(costs, false, true) == 1.0);
}

TEST_CASE("monitor: conflicts of shared banks") {
    const DeviceArray<float> x(ramp(1024)), y(1024);
    auto turns = [&](int padding) {
        monitor::begin_counting();
        seeded::transpose_padded(x.get(), y.get(), padding);
        const auto costs = monitor::end_counting();
        CHECK(worst_ratio(costs, true, true) == 1.0);
        return worst_ratio(costs, true, false);
    };
    CHECK(turns(0) == 32.0);
    CHECK(turns(1) == 1.0);
    CHECK(turns(2) == 2.0);
    // The swizzled tiles of a product of matrices.
    const DeviceArray<bf16> a(std::vector<bf16>(64 * 64)), b(std::vector<bf16>(64 * 64));
    const DeviceArray<float> c(64 * 64);
    for (bool along_k : {true, false}) {
        monitor::begin_counting();
        seeded::gemm(a.get(), b.get(), c.get(), 64, 64, 64, along_k, along_k);
        const auto costs = monitor::end_counting();
        CHECK(worst_ratio(costs, true, true) == 1.0);
        CHECK(worst_ratio(costs, true, false) == 1.0);
        CHECK(worst_ratio(costs, false, false) == 1.0);
    }
}

}  // namespace purnet::test
#endif
