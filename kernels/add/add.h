// y[i] = a[i] + b[i], i < count. y may be a or b. bytes 3 * count * sizeof(element), one addition each.
#pragma once

#include "kernels/runtime/table.h"

namespace purnet::add {

struct Kernels {
    void (*forward)(int64_t count, const void* a, const void* b, void* y, const Context&) = nullptr;
};

Table<Kernels>& table();

}  // namespace purnet::add
