// Every op record: twins against references for each instruction set of this CPU, and derivatives against differences.
// PURNET_RECORD=op[.direction[.case]] runs a part; PURNET_TEST_FULL=1 also the large real layers.
#include <doctest/doctest.h>

#include <cstdlib>
#include <vector>

#include "kernels/runtime/isa.h"
#include "tests/records/walk.h"
#include "tests/support/bf16.h"

namespace purnet::test {
namespace {

bool wanted(const record::Case& c, const record::Direction&) { return small_enough(c); }

}  // namespace

TEST_CASE("records: there are some, each with cases that have a forward") {
    REQUIRE(!record::all().empty());
    for (const record::OpRecord& op : record::all()) {
        CHECK_MESSAGE(!op.formula.empty(), op.name);
        const auto cases = op.cases();
        CHECK_MESSAGE(!cases.empty(), op.name);
        for (const record::Case& c : cases) CHECK_MESSAGE(!c.directions.empty(), op.name);
    }
}

TEST_CASE("records: derivatives equal differences") {
    for (const record::OpRecord& op : record::all()) {
        if (!op.gradient) continue;
        int ran = 0;
        double worst = 0;
        for (const record::Case& c : op.cases()) {
            double work = 0;
            for (const record::Direction& d : c.directions) work = std::max(work, d.flops);
            if (!c.gradient || work > 1e6 || !selected(full_name(op, c.directions.front(), c))) continue;
            const Outcome outcome = check_gradients(op, c);
            ran += outcome.ran;
            worst = std::max(worst, outcome.worst_ratio);
            CHECK_MESSAGE(outcome.failure.empty(), outcome.failure);
        }
        if (!std::getenv("PURNET_RECORD")) CHECK_MESSAGE(ran > 0, op.name, " has no derivative that was checked");
        MESSAGE(op.name, ": ", ran, " cases, largest error / bound ", worst);
    }
}

// Before the others: the library keeps the instruction set of its first call.
TEST_CASE("records: CPU twins in bf16, emulated where the CPU has no instructions for it") {
    if (!can_emulate_bf16()) {
        MESSAGE("skipped: not even emulated bf16 without AVX-512");
        return;
    }
    const Bf16Wish emulate("emulate");
    for (const record::OpRecord& op : record::all()) walk(op, {DeviceType::cpu, DType::bf16}, op.name, wanted);
}

TEST_CASE("records: CPU twins, each instruction set") {
    const Isa before = isa();
    std::vector<Setting> here;
    for (const Isa set : {Isa::baseline, Isa::avx2, Isa::avx512})
        if (set == Isa::baseline || (set == Isa::avx2 ? cpu_features().avx2 : cpu_features().avx512))
            here.push_back({name_of(set), [set] { force_isa(set); }});
    for (const record::OpRecord& op : record::all()) walk(op, {DeviceType::cpu, DType::f32}, op.name, wanted, here);
    MESSAGE("instruction sets: ", here.size(), ", the widest ", here.back().name);
    force_isa(before);
}

}  // namespace purnet::test
