// What this binary is: for `--version`, logs, reports and the metadata of weights.
#pragma once

#include <string>
#include <vector>

namespace purnet {

// The commit it was built from (git describe), or "unknown".
std::string program_version();

// Compiler, its version and the flags that decide about numbers and speed.
std::string build_description();

// Processor, instruction set in use and what else the machine has.
std::string processor_description();

// "oneDNN 2.6.3, libpng 1.6.39, ..."
std::string library_versions();

// The words this process was started with, its name first.
std::vector<std::string> command_words();

}  // namespace purnet
