// Mapped files of packed weights (core/plan/packed_file.h) that are cut short, or whose disk fails, while they are in use.
#pragma once

namespace purnet {

// From now on such a SIGBUS ends the process with a sentence and exit code 1; any other ends it as it would have. For programs: a library
// leaves signals alone.
void explain_bus_errors();

}  // namespace purnet
