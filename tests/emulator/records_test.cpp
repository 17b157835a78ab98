// Every op record that has a CUDA twin, on emulated kernels: against the float64 reference, the first run in the order of the
// threads, the second shuffled with three blocks in flight; both must agree to the bit.
// PURNET_RECORD=op[.direction[.case]] runs a part; PURNET_TEST_FULL=1 every case that is not a layer of a real network.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>

#include "tests/emulator/engine/engine.h"
#include "tests/records/harness.h"

namespace purnet::test {
namespace {

using emulator::Schedule;

bool selected(const std::string& name) {
    const char* wish = std::getenv("PURNET_RECORD");
    return !wish || name.compare(0, std::string(wish).size(), wish) == 0;
}

// An emulated thread costs about a hundred nanoseconds: what a direction may cost, in operations or bytes.
bool affordable(const record::Direction& direction) {
    const bool full = std::getenv("PURNET_TEST_FULL") != nullptr;
    double bytes = direction.bytes;
    for (const record::Operand& operand : direction.operands)
        if (operand.role != record::Role::workspace) bytes += 4.0 * static_cast<double>(operand.count());
    return std::max(direction.flops, bytes) < (full ? 3e7 : 2e6);
}

void check_all(DType dtype) {
    set_canaries(false);
    set_before_run([](int run) {
        static uint64_t seed = 0;
        emulator::schedule() = run == 0 ? Schedule{Schedule::forward, 0, 1} : Schedule{Schedule::shuffled, ++seed, 3};
    });
    const Key key{DeviceType::cuda, dtype};
    for (const record::OpRecord& op : record::all()) {
        int ran = 0;
        double worst = 0;
        for (const record::Case& c : op.cases()) {
            if (c.real_layer) continue;
            for (const record::Direction& direction : c.directions) {
                if (!affordable(direction) || !selected(op.name + "." + direction.name + "." + c.label)) continue;
                for (Mode mode : {Mode::exact, Mode::real}) {
                    try {
                        const Outcome outcome = check_twin(op, c, direction, key, mode);
                        ran += outcome.ran;
                        worst = std::max(worst, outcome.worst_ratio);
                        CHECK_MESSAGE(outcome.failure.empty(), outcome.failure);
                    } catch (const Error& e) {
                        FAIL_CHECK(op.name << "." << direction.name << "." << c.label << ": " << e.what());
                    }
                }
            }
        }
        if (ran) MESSAGE(op.name, " ", name_of(dtype), ": ", ran, " runs, largest error / bound ", worst);
    }
    set_before_run(nullptr);
    set_canaries(true);
    emulator::schedule() = {};
}

}  // namespace

TEST_CASE("emulated records: float32 twins") { check_all(DType::f32); }
TEST_CASE("emulated records: bf16 twins") { check_all(DType::bf16); }

}  // namespace purnet::test
