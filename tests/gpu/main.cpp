// The tests that run on a CUDA device: every op record with a CUDA twin, whole training steps, inference. Exit code 77 and one line where
// there is no device.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/error.h"

int main(int argc, char** argv) {
    try {
        std::printf("computing on %s\n", purnet::choose_device("cuda").because.c_str());
    } catch (const purnet::Error& error) {
        std::fprintf(stderr, "gpu_tests: %s\n", error.what());
        return 77;
    }
    doctest::Context context(argc, argv);
    return context.run();
}
