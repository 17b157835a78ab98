// Every op record that has a CUDA twin, on the device: against the float64 reference, canaries behind every buffer, twice with the same
// bits. PURNET_RECORD=op[.direction[.case]] runs a part; PURNET_TEST_FULL=1 also the layers whose reference takes minutes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>

#include "kernels/runtime/error.h"
#include "tests/records/harness.h"

namespace purnet::test {
namespace {

void check_all(DType dtype) {
    const char* wish = std::getenv("PURNET_RECORD");
    const std::string wanted = wish ? wish : "";
    const Key key{DeviceType::cuda, dtype};
    for (const record::OpRecord& op : record::all()) {
        int ran = 0;
        double worst = 0;
        for (const record::Case& c : op.cases()) {
            if (!small_enough(c)) continue;
            for (const record::Direction& direction : c.directions) {
                const std::string name = op.name + "." + direction.name + "." + c.label;
                if (name.compare(0, wanted.size(), wanted) != 0) continue;
                for (const Mode mode : {Mode::exact, Mode::real}) {
                    try {
                        const Outcome outcome = check_twin(op, c, direction, key, mode);
                        ran += outcome.ran;
                        worst = std::max(worst, outcome.worst_ratio);
                        CHECK_MESSAGE(outcome.failure.empty(), outcome.failure);
                    } catch (const Error& e) {
                        FAIL_CHECK(name << ": " << e.what());
                    }
                }
            }
        }
        if (ran) MESSAGE(op.name, " ", name_of(dtype), ": ", ran, " runs, largest error / bound ", worst);
    }
}

}  // namespace

TEST_CASE("device records: float32 twins") { check_all(DType::f32); }
TEST_CASE("device records: bf16 twins") { check_all(DType::bf16); }

}  // namespace purnet::test
