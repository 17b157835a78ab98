// A pass of a problem as text: what choices (kernels/runtime/choices.h) call it.
#pragma once

#include <string>

#include "kernels/conv2d/conv2d.h"

namespace purnet::conv2d {

std::string key_of(const Problem& problem, Pass pass);  // "forward n8 h80 w80 c128 ..."

}  // namespace purnet::conv2d
