// Deliberate defects for `make mutants` (docs/emulator.md): each building block of a kernel, by its place in the source, may be left out
// or weakened in a run. In every other program chosen() is a constant.
#pragma once

#include "tests/emulator/engine/fault.h"

namespace purnet::emulator::mutants {

#ifdef PURNET_EMULATOR_MUTANTS
// Notes that the running thread passes such a place; true where the mutant of this run is this change there. Both texts are literals.
bool chosen(const char* kind, const char* change, Site site);
#else
constexpr bool chosen(const char*, const char*, Site) { return false; }
#endif

}  // namespace purnet::emulator::mutants
