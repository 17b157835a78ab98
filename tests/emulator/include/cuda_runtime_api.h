// All of it is in cuda_runtime.h.
#pragma once

#include "tests/emulator/include/cuda_runtime.h"
