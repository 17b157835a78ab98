// The emulator's test program: its own tests, and the op records with CUDA twins on emulated kernels.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
// Fibers that a Fault abandons keep what they allocated: no leak of the product.
extern "C" const char* __asan_default_options() { return "detect_leaks=0:abort_on_error=0"; }
#endif

int main(int argc, char** argv) {
    setenv("PURNET_MEMORY_DEBUG", "exact", 1);  // exact-size blocks, before the first one is made
    doctest::Context context(argc, argv);
    return context.run();
}
