// What a mask holds, in words of Fault.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/check/check.h"

namespace purnet {

// Empty where the mask is as it should be. `grey` as DataSet::read_mask gives it.
std::vector<std::pair<Fault, std::string>> mask_faults(const Image& grey);

// Does any pixel have colour? An RGB picture.
bool has_colour(const Image& rgb);

}  // namespace purnet
