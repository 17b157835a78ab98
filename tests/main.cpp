// The test program. PURNET_ISA, PURNET_THREADS and doctest's own options (--test-case=, --list-test-cases) apply.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
