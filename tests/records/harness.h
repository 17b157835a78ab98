// Runs op records: a twin against the float64 reference, and the reference's derivatives against differences.
#pragma once

#include <string>
#include <vector>

#include "kernels/record/record.h"

namespace purnet::test {

enum class Mode { exact, real };

struct Outcome {
    bool ran = false;        // false: this direction has no twin for the key, or no exact mode
    std::string failure;     // empty: passed. Else one line: reproducer, worst index, got, wanted, bound
    double worst_ratio = 0;  // largest error / bound
};

// One direction of one case: canaries behind every buffer, outputs and workspace poisoned with NaN, inputs unchanged, two
// runs bit-equal, the second with another dirty workspace; then the comparison (design section 4).
Outcome check_twin(const record::OpRecord& op, const record::Case& c, const record::Direction& direction, Key key, Mode mode);

// Every derivative of the case against central differences of its forward, on the reference device.
Outcome check_gradients(const record::OpRecord& op, const record::Case& c);

// Called before each of the two runs of a twin (run 0 and 1): the emulator's tests change the order of threads in between.
void set_before_run(void (*function)(int run));
// Off: buffers end exactly where their operand ends, and a sanitizer watches what lies behind.
void set_canaries(bool on);

// Of one run of a direction: operations, or bytes in float32 without workspace, whichever are more.
double cost(const record::Direction& direction);
// Keeps a test run short: cases whose reference costs more than this are left to `make test-full`.
bool small_enough(const record::Case& c);

}  // namespace purnet::test
