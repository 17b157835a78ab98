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

// Those that this CPU has, narrowest first.
std::vector<Setting> instruction_sets() {
    std::vector<Setting> sets = {{name_of(Isa::baseline), [] { force_isa(Isa::baseline); }}};
    if (cpu_features().avx2) sets.push_back({name_of(Isa::avx2), [] { force_isa(Isa::avx2); }});
    if (cpu_features().avx512) sets.push_back({name_of(Isa::avx512), [] { force_isa(Isa::avx512); }});
    return sets;
}

void check_among(Isa set, bool present) {
    if (!present) {
        MESSAGE("skipped: this CPU has no ", name_of(set));
        return;
    }
    const Isa before = isa();
    int found = 0;
    for (const Setting& setting : instruction_sets()) {
        setting.enter();
        CHECK(setting.name == name_of(isa()));
        found += isa() == set;
    }
    force_isa(before);
    CHECK(found == 1);
}

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
    const std::vector<Setting> sets = instruction_sets();
    for (const record::OpRecord& op : record::all()) walk(op, {DeviceType::cpu, DType::f32}, op.name, wanted, sets);
    force_isa(before);
}

TEST_CASE("records: AVX2 was among them") { check_among(Isa::avx2, cpu_features().avx2); }
TEST_CASE("records: AVX-512 was among them") { check_among(Isa::avx512, cpu_features().avx512); }

}  // namespace purnet::test
