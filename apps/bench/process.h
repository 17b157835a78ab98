// Runs the program purnet that stands beside this one, as a user does, and measures it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace purnet::bench {

struct ProcessRun {
    double seconds = 0;         // from its creation to its end
    double peak_megabytes = 0;  // VmHWM, looked at every 10 ms
};

// build/purnet beside build/bench. Error: it is not there.
std::filesystem::path purnet_program();

// `log` gets what it writes. No variable PURNET_NAME reaches it but PURNET_ISA and PURNET_THREADS, the latter with this process'
// thread_count(). Error: it did not end with 0; its last line says why.
ProcessRun run_purnet(const std::vector<std::string>& words, const std::filesystem::path& log);

}  // namespace purnet::bench
