// The tests that run on a CUDA device: every op record with a CUDA twin, whole training steps, inference. Exit code 77 and one line where
// there is no device. `device` as the only argument says what results belong to: device, driver, libraries.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <cstring>

#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/error.h"

int main(int argc, char** argv) {
    try {
        std::printf("computing on %s\n", purnet::choose_device("cuda").because.c_str());
    } catch (const purnet::Error& error) {
        std::fprintf(stderr, "gpu_tests: %s\n", error.what());
        return 77;
    }
    if (argc == 2 && std::strcmp(argv[1], "device") == 0) {
        std::printf("%s\n", purnet::chosen_accelerator_text().c_str());
        return 0;
    }
    doctest::Context context(argc, argv);
    return context.run();
}
