#include "tests/mutants/units.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <sstream>

#include "tests/emulator/affordable.h"
#include "tests/emulator/engine/engine.h"
#include "tests/records/harness.h"

namespace purnet::mutants {
namespace {

using emulator::Schedule;

// The cases of an op, asked for on a device: workspaces may differ.
struct Asked {
    const record::OpRecord* op;
    int device;
    std::vector<record::Case> cases;
};

std::string run_record(const Asked& asked, const record::Case& c, const record::Direction& direction, Key key, test::Mode mode) {
    emulator::device_index() = asked.device;
    test::set_canaries(false);
    test::set_before_run([](int run) {
        emulator::schedule() = run == 0 ? Schedule{Schedule::forward, 0, 1} : Schedule{Schedule::shuffled, 1, 3};
    });
    try {
        return test::check_twin(*asked.op, c, direction, key, mode).failure;
    } catch (const Error& e) {
        return e.what();
    }
}

std::string run_test(const std::string& name) {
    emulator::device_index() = 0;
    emulator::schedule() = {};
    std::string filter = name;
    std::replace(filter.begin(), filter.end(), ',', '?');
    std::ostringstream out;
    doctest::Context context;
    context.addFilter("test-case", filter.c_str());
    context.setOption("no-breaks", true);
    context.setOption("no-version", true);
    context.setCout(&out);
    return context.run() == 0 ? "" : "test case: " + out.str();
}

}  // namespace

std::vector<Unit> record_units() {
    static std::deque<Asked> all;
    std::vector<Unit> units;
    for (const record::OpRecord& op : record::all())
        for (const int device : {0, 1}) {
            emulator::device_index() = device;
            all.push_back({&op, device, op.cases()});
            const Asked& asked = all.back();
            for (const record::Case& c : asked.cases)
                for (const record::Direction& direction : c.directions)
                    for (const DType dtype : {DType::f32, DType::bf16})
                        for (const test::Mode mode : {test::Mode::exact, test::Mode::real}) {
                            const Key key{DeviceType::cuda, dtype};
                            if (c.real_layer || !test::affordable(direction) || (device == 1 && !test::differs_on_sm80(op, dtype)) ||
                                !direction.available(key) || (mode == test::Mode::exact && !direction.multilinear))
                                continue;
                            Unit unit;
                            unit.group = concat(op.name, ".", direction.name, " ", purnet::name_of(dtype), device == 1 ? " sm_80" : "");
                            unit.name = concat(op.name, ".", direction.name, ".", c.label, " (", purnet::name_of(dtype),
                                               mode == test::Mode::exact ? ", exact" : ", real", device == 1 ? ", sm_80)" : ")");
                            unit.run = [&asked, &c, &direction, key, mode] { return run_record(asked, c, direction, key, mode); };
                            units.push_back(std::move(unit));
                        }
        }
    emulator::device_index() = 0;
    return units;
}

std::vector<Unit> test_units(const std::vector<std::string>& names) {
    std::vector<Unit> units;
    for (const std::string& name : names) {
        Unit unit;
        unit.name = unit.group = name;
        unit.run = [name] { return run_test(name); };
        units.push_back(std::move(unit));
    }
    return units;
}

}  // namespace purnet::mutants
