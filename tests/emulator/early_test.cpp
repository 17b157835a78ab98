// Launches that may begin before those ahead of them have ended (kernels/runtime/cuda/launch.h): which ones do, and a wait that is missing
// or comes too late, by name.
#include <doctest/doctest.h>

#include "kernels/runtime/memory.h"
#include "tests/emulator/device.h"
#include "tests/emulator/engine/monitor.h"
#include "tests/emulator/kernels/early.h"

namespace purnet::test {
namespace {

using emulator::FaultKind;
using seeded::Between;
using seeded::Early;

struct Operands {
    DeviceArray<float> x{std::vector<float>(64, 2)}, y{std::vector<float>(64, 1)};
    DeviceArray<unsigned> count{std::vector<unsigned>{0}};
};

// Of the launches that body makes, how many may overlap with the one ahead.
template <class Body>
uint64_t overlapping(Body&& body) {
    const uint64_t before = emulator::counters().overlapping;
    body();
    return emulator::counters().overlapping - before;
}

void check_fault(const Caught& fault, const std::string& words) {
    REQUIRE(fault.any);
    CHECK_MESSAGE(fault.kind == FaultKind::launch_order, fault.text);
    CHECK_MESSAGE(fault.text.find(words) != std::string::npos, fault.text);
}

}  // namespace

TEST_CASE("emulator: an early launch that touches global memory before its wait, or does not wait") {
    for_each_schedule([&](const emulator::Schedule&) {
        Operands o;
        const auto early = [&](Early before_wait) {
            return caught([&] { seeded::add_early(o.x.get(), o.y.get(), o.count.get(), before_wait); });
        };
        CHECK(early(Early::nothing).text == "");
        CHECK(o.y[63] == 3);
        CHECK(o.count[0] == 2);
        if (emulator::monitor::present) {
            check_fault(early(Early::reads), "add_kernel");
            check_fault(early(Early::reads), "early.cu:");
            check_fault(early(Early::writes), "early.cu:");
        }
        check_fault(early(Early::adds), "an atomic access of global memory by an early launch");
        check_fault(early(Early::adds), "early.cu:");
        check_fault(early(Early::copies), "an asynchronous copy of global memory by an early launch");
        check_fault(early(Early::none), "a thread of an early launch ends and has not waited");
        const Caught one = early(Early::not_in_one_thread);
        check_fault(one, "a thread of an early launch ends and has not waited");
        check_fault(one, "block (1,0,0), thread (8,0,0)");
    });
}

TEST_CASE("emulator: an early launch whose copy engine is faster than its wait") {
    std::vector<unsigned short> values(64 * 16);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<unsigned short>(i);
    const DeviceArray<unsigned short> x(values), y(256);
    CHECK(caught([&] { seeded::box_early(x.get(), y.get(), false); }).text == "");
    CHECK(y[7] == 7);
    check_fault(caught([&] { seeded::box_early(x.get(), y.get(), true); }), "early.cu:");
}

TEST_CASE("emulator: a launch in order has nothing to wait for, nor has one on a device before 9.0") {
    Operands o;
    for (const Early before_wait :
         {Early::nothing, Early::reads, Early::writes, Early::adds, Early::copies, Early::none, Early::not_in_one_thread})
        CHECK(caught([&] { seeded::add_in_order(o.x.get(), o.y.get(), o.count.get(), before_wait); }).text == "");
    emulator::device_index() = 1;
    const uint64_t count = overlapping([&] {
        for (int i = 0; i < 3; ++i) seeded::add_early(o.x.get(), o.y.get(), o.count.get(), Early::none);
    });
    emulator::device_index() = 0;
    CHECK(count == 0);
}

TEST_CASE("emulator: a launch may overlap with a kernel ahead of it on its stream and with nothing else") {
    Operands o;
    const auto behind = [&](Between between, bool says_so) { seeded::add_behind(between, says_so, o.x.get(), o.y.get(), o.count.get()); };
    CHECK(overlapping([&] { behind(Between::nothing, false); }) == 1);
    CHECK(overlapping([&] { behind(Between::nothing, true); }) == 0);
    CHECK(overlapping([&] { behind(Between::stream, false); }) == 0);
    for (const Between between : {Between::copy, Between::fill, Between::event}) {
        CHECK(overlapping([&] { behind(between, true); }) == 0);
        check_fault(caught([&] { behind(between, false); }), "interrupt_launches() is missing there");
    }
    Operands other;
    CHECK(overlapping([&] { seeded::add_in_turns(o.x.get(), o.y.get(), o.count.get(), other.y.get(), other.count.get()); }) == 2);
    // Recorded: the first of the graph is behind what is not part of it.
    CHECK(overlapping([&] { seeded::add_recorded(o.x.get(), o.y.get(), o.count.get(), 4); }) == 3);

    // What the allocator's copies and fills say by themselves.
    const Device device{DeviceType::cuda, 0};
    const auto add = [&] { seeded::add_early(o.x.get(), o.y.get(), o.count.get(), Early::nothing); };
    Block block(device, 16);
    add();
    CHECK(overlapping(add) == 1);
    fill_bytes(block.data(), device, 0, 16);
    CHECK(overlapping(add) == 0);
    CHECK(overlapping(add) == 1);
    int word = 0;
    copy_bytes(&word, {}, block.data(), device, sizeof word);
    CHECK(overlapping(add) == 0);
    seeded::add_in_order(o.x.get(), o.y.get(), o.count.get(), Early::nothing);
    CHECK(overlapping(add) == 1);
}

}  // namespace purnet::test
