#pragma once

#include <string>

namespace purnet::bench {

struct OpsOptions {
    std::string filter;
    std::string json;
    std::string compare;
    std::string device = "cpu";     // or what choose_device takes
    std::string precision = "f32";  // of activations; bf16 where there is such a twin
    double seconds = 0.3;
    bool all = false;
};

// Times the records' real layers, on the CPU with all threads; the best of the runs counts, their median is shown beside it. On a
// CUDA device a run is a row of launches long enough that the wait at its end does not count.
void run_ops(const OpsOptions& options);

// docs/ops.md: which direction of which op has a twin on which device and for which type.
std::string support_table();

}  // namespace purnet::bench
