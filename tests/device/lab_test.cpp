// The ladders of kernels/lab on this device: every rung on small cases of its op's record, and how long it takes on a layer of the network.
// PURNET_LAB=FILE gets the table. Emulated, where lab_test.cpp of that folder holds the rungs to more cases, times mean nothing: there the
// smallest case is timed, so that all of this is run.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/formats/atomic_file.h"
#include "kernels/lab/lab.h"
#include "kernels/runtime/cuda/stopwatch.h"
#include "kernels/runtime/memory.h"
#include "tests/device/place.h"
#include "tests/records/walk.h"

namespace purnet::test {
namespace {

const record::OpRecord& record_of(const lab::Ladder& ladder) {
    for (const record::OpRecord& op : record::all())
        if (op.name == ladder.op) return op;
    fail("lab: no record is called ", ladder.op);
}

bool climbs(const lab::Ladder& ladder, const record::Direction& direction) {
    return std::count(ladder.directions.begin(), ladder.directions.end(), direction.name) > 0;
}

// The costliest of the networks' layers that the plainest rung computes within some ten milliseconds; or the cheapest of all cases.
record::Case case_to_time(const lab::Ladder& ladder, bool large) {
    constexpr double affordable = 5e9;
    std::vector<record::Case> cases = record_of(ladder).cases();
    std::erase_if(cases, [&](const record::Case& c) { return large && (!c.real_layer || cost(c.directions.front()) > affordable); });
    REQUIRE(!cases.empty());
    const auto cheaper = [](const record::Case& a, const record::Case& b) {
        return cost(a.directions.front()) < cost(b.directions.front());
    };
    return large ? *std::max_element(cases.begin(), cases.end(), cheaper) : *std::min_element(cases.begin(), cases.end(), cheaper);
}

// Buffers of small numbers; labels are 0.
class Operands {
public:
    Operands(const record::Direction& direction, Key key, Device device) {
        for (const record::Operand& operand : direction.operands) {
            const size_t bytes = static_cast<size_t>(operand.count()) * size_of(operand.dtype(key.dtype));
            blocks_.emplace_back(device, std::max<size_t>(bytes, 1));
            fill_bytes(blocks_.back().data(), device, operand.kind == record::Kind::int32 ? 0 : 0x3c, blocks_.back().bytes());
            pointers.push_back(blocks_.back().data());
        }
    }
    record::Pointers pointers;

private:
    std::vector<Block> blocks_;
};

}  // namespace

TEST_CASE("device lab: every rung of every ladder, and how long it takes") {
    const Place here = place();
    const Context context{here.device, nullptr};
    std::string table = "| ladder, rung | what | ms | of the first | GFLOP/s | GB/s, once |\n|---|---|--:|--:|--:|--:|\n";
    int timed = 0;
    for (const lab::Ladder& ladder : lab::ladders())
        for (const DType type : ladder.types) {
            const Key key{DeviceType::cuda, type};
            const record::Case layer = case_to_time(ladder, here.large);
            for (const record::Direction& direction : layer.directions) {
                if (!climbs(ladder, direction)) continue;
                const Operands operands(direction, key, here.device);
                double first = 0;
                for (const lab::Rung& rung : ladder.rungs) {
                    const lab::Installed installed = rung.install(type);
                    const double ms = cuda::least_milliseconds([&] { direction.run(key, operands.pointers, context); });
                    CHECK(ms > 0);
                    if (first == 0) first = ms;
                    ++timed;
                    const double bytes = (direction.bytes > 0 ? direction.bytes : cost({.operands = direction.operands})) *
                                         static_cast<double>(size_of(type)) / 4;
                    char figures[100];
                    std::snprintf(figures, sizeof figures, " | %.4f | %.1f | %.0f | %.0f |\n", ms, first / ms, 1e-6 * direction.flops / ms,
                                  1e-6 * bytes / ms);
                    table += concat("| ", ladder.op, " ", name_of(type), ", ", rung.name, " | ", direction.name, " ", layer.label, figures);
                }
            }
            if (!here.large) continue;
            for (const lab::Rung& rung : ladder.rungs) {
                const lab::Installed installed = rung.install(type);
                const Walked walked = walk(record_of(ladder), key, ladder.op + " rung " + rung.name,
                                           [&](const record::Case& c, const record::Direction& direction) {
                                               return !c.real_layer && climbs(ladder, direction) && cost(direction) < 1e6;
                                           });
                CHECK(walked.ran > 0);
            }
        }
    CHECK(timed >= 15);
    if (here.large) MESSAGE("\n", table);
    if (const char* file = std::getenv("PURNET_LAB")) atomic_write(file, table);
}

}  // namespace purnet::test
