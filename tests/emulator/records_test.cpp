// Every op record that has a CUDA twin, on emulated kernels: against the float64 reference, the first run in the order of the
// threads, the second shuffled with three blocks in flight; both must agree to the bit.
// PURNET_RECORD=op[.direction[.case]] runs a part; PURNET_TEST_FULL=1 every case that is not a layer of a real network.
#include <doctest/doctest.h>

#include "tests/emulator/affordable.h"
#include "tests/emulator/engine/engine.h"
#include "tests/records/cuda_twins.h"

namespace purnet::test {
namespace {

using emulator::Schedule;

// What the records run on: the emulator's first device stands for compute capability 9.0, its second one for 8.0.
std::vector<Setting> devices_for(const record::OpRecord& op, DType dtype) {
    const Setting hopper{"", [] { emulator::device_index() = 0; }}, ampere{"on sm_80", [] { emulator::device_index() = 1; }};
    if (differs_on_sm80(op, dtype)) return {ampere, hopper};
    return {hopper};
}

void check_all(DType dtype) {
    set_canaries(false);
    set_before_run([](int run) {
        static uint64_t seed = 0;
        emulator::schedule() = run == 0 ? Schedule{Schedule::forward, 0, 1} : Schedule{Schedule::shuffled, ++seed, 3};
    });
    std::vector<Walked> walked;
    for (const record::OpRecord& op : record::all())
        walked.push_back(walk(
            op, {DeviceType::cuda, dtype}, op.name,
            [](const record::Case& c, const record::Direction& direction) { return !c.real_layer && affordable(direction); },
            devices_for(op, dtype)));
    check_all_ran(walked, dtype);
    set_before_run(nullptr);
    set_canaries(true);
    emulator::schedule() = {};
    emulator::device_index() = 0;
}

}  // namespace

TEST_CASE("emulated records: float32 twins") { check_all(DType::f32); }
TEST_CASE("emulated records: bf16 twins") { check_all(DType::bf16); }

}  // namespace purnet::test
