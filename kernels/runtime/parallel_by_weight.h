// parallel_for over things of very different sizes.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/runtime/parallel.h"

namespace purnet {

// Calls body(k) for k < count; each thread takes neighbours of about one sum of weights: the tensors of a file are hundreds of small ones
// and a few large. weight(k) is asked for before any body runs.
template <class Weight, class Body>
void parallel_by_weight(size_t count, Weight&& weight, Body&& body) {
    const auto threads = static_cast<size_t>(thread_count());
    std::vector<size_t> before(count + 1, 0);
    for (size_t k = 0; k < count; ++k) before[k + 1] = before[k] + weight(k);
    const auto thread_of = [&](size_t k) { return before[count] ? std::min(before[k] * threads / before[count], threads - 1) : 0; };
    parallel_for(static_cast<int64_t>(threads), 1, [&](int64_t begin, int64_t end) {
        for (size_t k = 0; k < count; ++k)
            if (const auto thread = static_cast<int64_t>(thread_of(k)); thread >= begin && thread < end) body(k);
    });
}

}  // namespace purnet
