// The ladders of kernels/lab: every rung on the cases of its op's record, as the product's kernels are (records_test.cpp).
// PURNET_RECORD=op[.direction[.case]] runs a part; PURNET_TEST_FULL=1 every case that is not a layer of a real network.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

#include "kernels/lab/lab.h"
#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/monitor.h"
#include "tests/emulator/lab_costs.h"
#include "tests/records/walk.h"

namespace purnet::test {
namespace {

using emulator::Schedule;

const record::OpRecord& record_of(const lab::Ladder& ladder) {
    for (const record::OpRecord& op : record::all())
        if (op.name == ladder.op) return op;
    fail("lab: no record is called ", ladder.op);
}

// Ladders have many rungs: each takes all small cases of the record, and where accesses are watched every seventh of the larger ones.
class Budget {
public:
    bool allows(const record::Direction& direction) {
        if (std::getenv("PURNET_TEST_FULL")) return true;
        double cost = std::max(direction.flops, direction.bytes);
        for (const record::Operand& operand : direction.operands)
            if (operand.role != record::Role::workspace) cost = std::max(cost, 4.0 * static_cast<double>(operand.count()));
        return cost < 1e4 || (emulator::monitor::present && (cost < 3e4 || (cost < 6e5 && large_++ % 7 == 0)));
    }

private:
    int large_ = 0;
};

void check_rung(const lab::Ladder& ladder, const lab::Rung& rung, DType type) {
    const record::OpRecord& op = record_of(ladder);
    const lab::Installed installed = rung.install(type);
    Budget budget;
    const auto wanted = [&](const record::Case& c, const record::Direction& direction) {
        return !c.real_layer && std::count(ladder.directions.begin(), ladder.directions.end(), direction.name) > 0 &&
               budget.allows(direction);
    };
    const Walked walked = walk(op, {DeviceType::cuda, type}, ladder.op + " rung " + rung.name, wanted);
    CHECK_MESSAGE(walked.ran >= walked.cases, ladder.op, " ", rung.name, ": of ", walked.cases, " cases only ", walked.ran, " ran");
}

}  // namespace

TEST_CASE("lab: every rung of every ladder passes the record of its op") {
    CHECK(lab::ladders().size() == 5);
    set_canaries(false);
    set_before_run([](int run) {
        static uint64_t seed = 0;
        emulator::schedule() = run == 0 ? Schedule{Schedule::forward, 0, 1} : Schedule{Schedule::shuffled, ++seed, 3};
    });
    for (const lab::Ladder& ladder : lab::ladders())
        for (const lab::Rung& rung : ladder.rungs)
            for (const DType type : ladder.types) check_rung(ladder, rung, type);
    set_before_run(nullptr);
    set_canaries(true);
    emulator::schedule() = {};
}

TEST_CASE("lab: a rung leaves the table as it found it") {
    for (const lab::Ladder& ladder : lab::ladders()) {
        CHECK(ladder.rungs.size() >= 3);
        CHECK(ladder.rungs.back().name == "product");
        for (const lab::Rung& rung : ladder.rungs) {
            CAPTURE(rung.name);
            const lab::Installed installed = rung.install(ladder.types.front());
            CHECK((installed == nullptr) == (rung.name == "product"));
        }
        const std::vector<record::Case> cases = record_of(ladder).cases();
        for (const record::Direction& direction : cases.front().directions)
            CHECK(direction.available({DeviceType::cuda, ladder.types.front()}));
    }
}

#ifdef PURNET_EMULATOR_MONITOR
TEST_CASE("lab: what each idea buys, counted") {
    const std::vector<RungCosts> all = count_lab();
    const auto costs = [&](const std::string& ladder, const std::string& rung) {
        for (const RungCosts& c : all)
            if (c.ladder == ladder && c.rung == rung) return c;
        fail("no rung ", rung, " in ", ladder);
    };
    // Lanes along memory: whole sectors.
    CHECK(costs("softmax float32", "block").read.units == 8 * costs("softmax float32", "tile").read.units);
    CHECK(costs("softmax float32", "online").read.units == 2.0 / 3 * costs("softmax float32", "tile").read.units);
    CHECK(costs("batch_norm float32", "passes").read.ideal == costs("batch_norm float32", "passes").read.units);
    // Tiles and registers: each element is fetched less often.
    const double thread = costs("conv2d float32", "thread").read.units, warp = costs("conv2d float32", "warp").read.units;
    const double shared = costs("conv2d float32", "shared").read.units, registers = costs("conv2d float32", "registers").read.units;
    CHECK(3 * warp < thread);
    CHECK(10 * shared < warp);
    CHECK(registers == shared / 4);
    CHECK(3 * costs("conv_transpose2d float32", "patches").read.units < costs("conv_transpose2d float32", "phases").read.units);
    CHECK(3 * costs("structural float32", "staged").read.units < costs("structural float32", "region").read.units);

#ifndef __clang__  // another compiler may keep other values in registers
    std::ifstream file("docs/kernels.md");
    const std::string document{std::istreambuf_iterator<char>(file), {}};
    REQUIRE_MESSAGE(!document.empty(), "docs/kernels.md cannot be read: run the tests from the root of the tree");
    std::istringstream lines(table_of(all));
    for (std::string line; std::getline(lines, line);)
        CHECK_MESSAGE(document.find(line) != std::string::npos, "docs/kernels.md lacks the line: ", line,
                      "  (build/emulator_monitor_tests lab prints the tables)");
#endif
}
#endif

}  // namespace purnet::test
