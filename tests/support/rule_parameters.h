// Parameters by rule (golden/purnet/README.md): every value follows from its parameter's name and index, so that goldens need
// no weights file.
#pragma once

#include "core/parameter.h"

namespace purnet::test {

// The tensor of that name and file shape, in file order, rounded to float32.
std::vector<double> rule_values(const std::string& name, const std::vector<int64_t>& file_shape);
void fill_by_rule(ParameterStore& store);

}  // namespace purnet::test
