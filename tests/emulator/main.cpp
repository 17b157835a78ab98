// The emulator's test program: its own tests, and the op records with CUDA twins on emulated kernels. `support` as the only argument
// prints docs/ops.md instead: here all twins are registered, a GPU or not. `lab` prints the tables of docs/kernels.md.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

#include "tests/emulator/lab_costs.h"
#include "tests/emulator/support_table.h"

#if defined(__SANITIZE_ADDRESS__)
// Fibers that a Fault abandons keep what they allocated: no leak of the product.
extern "C" const char* __asan_default_options() { return "detect_leaks=0:abort_on_error=0"; }
// The line of a misaligned access is that of a building block: the stack says whose.
extern "C" const char* __ubsan_default_options() { return "print_stacktrace=1"; }
#endif

int main(int argc, char** argv) {
    setenv("PURNET_MEMORY_DEBUG", "exact", 1);  // exact-size blocks, before the first one is made
    setenv("PURNET_LIBRARIES", "none", 1);      // those of this machine would take our memory for a device's
    if (argc == 2 && std::strcmp(argv[1], "support") == 0) {
        std::cout << purnet::test::support_table();
        return 0;
    }
    if (argc == 2 && std::strcmp(argv[1], "lab") == 0) {
        std::cout << purnet::test::lab_costs();
        return 0;
    }
    doctest::Context context(argc, argv);
    return context.run();
}
