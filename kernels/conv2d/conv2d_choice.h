// Which method a packed convolution takes on this CPU: by method_for()'s estimate, or by measurement where that was asked for.
//
// Measuring runs every method that can compute the problem and takes the fastest, unless the estimate's is within a twentieth of it.
// What was measured can be kept as text and told to a later process, whose plans are then the same. Methods differ in rounding, so results
// are the same in every run only under the same choices. Training is not affected.
#pragma once

#include <map>
#include <string>

#include "kernels/conv2d/conv2d_methods.h"

namespace purnet::conv2d {

// Problem and pass, instruction set, threads -> name_of(method).
using Choices = std::map<std::string, std::string>;

// Whether packing measures what it does not know yet. Off at first.
void measure_choices(bool on);
// All that were measured or told. Those of another instruction set or number of threads are kept beside.
Choices choices();
// Forgets what was known. Lines that name no method of their problem are ignored when it comes up.
void know_choices(const Choices& choices);

// Never Method::library. Not while kernels run, when it measures.
Method packed_method(const Problem& problem, Pass pass);

}  // namespace purnet::conv2d
