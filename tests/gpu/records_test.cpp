// Every op record that has a CUDA twin, on the device: against the float64 reference, canaries behind every buffer, twice with the same
// bits. PURNET_RECORD=op[.direction[.case]] runs a part; PURNET_TEST_FULL=1 also the layers whose reference takes minutes.
#include <doctest/doctest.h>

#include "tests/records/cuda_twins.h"

namespace purnet::test {
namespace {

void check_all(DType dtype) {
    std::vector<Walked> walked;
    for (const record::OpRecord& op : record::all())
        walked.push_back(
            walk(op, {DeviceType::cuda, dtype}, op.name, [](const record::Case& c, const record::Direction&) { return small_enough(c); }));
    check_all_ran(walked, dtype);
}

}  // namespace

TEST_CASE("device records: float32 twins") { check_all(DType::f32); }
TEST_CASE("device records: bf16 twins") { check_all(DType::bf16); }

}  // namespace purnet::test
