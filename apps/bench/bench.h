#pragma once

#include <string>
#include <vector>

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

// Times the records' real layers, on the CPU with all threads. On a CUDA device a run is a row of launches long enough that the wait at
// its end does not count.
void run_ops(const OpsOptions& options);

struct WaysOptions {
    std::string filter;
    std::string json;
    std::string compare;
    std::string device = "cuda";
    std::string precision = "f32";
    int batch = 8;
};

// Our own kernels against NVIDIA's libraries (kernels/conv2d/conv2d_ways.h) on a CUDA device: every pass of the networks' convolutions, the
// best of our ways and, where a library is installed and computes it, that one; by events on the device, the least of five.
void run_ways(const WaysOptions& options);

struct PredictedOptions {
    std::string filter;
    std::string precision = "bf16";
    int batch = 8;  // of convolutions (other records stay as recorded), and of the training steps
    bool step = false;
    std::string net = "resnet50";
    int size = 320;
};

// What the records' real layers should take on an H200 (apps/bench/device_model.h), or, with `step`, whole training steps of each stage
// and a level-1 map in bf16, summed over their kernels; and what that says of the goals. Needs no device.
void run_predicted(const PredictedOptions& options);

struct NetsOptions {
    std::string filter;
    std::string json;
    std::string compare;
    double seconds = 3;
    std::vector<int> threads;        // a row for each; empty: thread_count()
    std::vector<int> sizes = {320};  // sides of the network's input
    std::vector<int> batches = {1};  // of inference
    int photographs = 200;           // of folders
    std::string device = "cpu";      // or what choose_device takes
    bool list = false;               // names of the rows, and no measuring
};

// Times whole networks on the CPU: inference, training step, loader, start of the program, folders of photographs; on a CUDA device
// inference and the training step, in batches of 8, in both precisions. What the rows need (weights by rule, drawn photographs) is written
// to a temporary folder. False: a signal ended it early.
bool run_nets(const NetsOptions& options);

}  // namespace purnet::bench
