// How many pictures would fit, where a batch did not.
#pragma once

#include "kernels/runtime/error.h"
#include "kernels/runtime/memory.h"

namespace purnet {

// The largest n of 1 .. most with which attempt(n), which takes the more memory the more n, does not throw; 0: not even 1. Another Error
// than OutOfMemory is no advice either: a batch norm refuses a single value, for instance. About log2(most) attempts.
template <class Attempt>
int largest_batch(int most, Device device, Attempt&& attempt) {
    int fits = 0, fails = most + 1;
    while (fits + 1 < fails) {
        const int n = fits + (fails - fits) / 2;
        release_cached_memory(device.type);  // what attempts before it took lies there in other sizes
        try {
            attempt(n);
            fits = n;
        } catch (const Error&) {
            fails = n;
        }
    }
    return fits;
}

}  // namespace purnet
