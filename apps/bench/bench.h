#pragma once

#include <string>

namespace purnet::bench {

struct OpsOptions {
    std::string filter;
    std::string json;
    std::string compare;
    double seconds = 0.3;
    bool all = false;
};

// Times the records' real layers on the CPU with all threads; the best of the runs counts, their median is shown beside it.
void run_ops(const OpsOptions& options);

// docs/ops.md: which direction of which op has a twin on which device and for which type.
std::string support_table();

}  // namespace purnet::bench
