// Stands in for the CUDA runtime when a .cu file is compiled by the host compiler. Found through the include path; the
// kernels know nothing of it.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "tests/emulator/include/emulated/atomics.h"
#include "tests/emulator/include/emulated/intrinsics.h"
#include "tests/emulator/include/emulated/keywords.h"
#include "tests/emulator/include/emulated/runtime_api.h"
#include "tests/emulator/include/emulated/sync.h"
#include "tests/emulator/include/vector_types.h"
