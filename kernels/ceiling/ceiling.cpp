#include "kernels/ceiling/ceiling.h"

#include <algorithm>
#include <vector>

#include "kernels/ceiling/ceiling_simd.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/seconds.h"

namespace purnet::ceiling {
namespace {
double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
}  // namespace

Ceilings measure() {
    Ceilings best;
    constexpr long rounds = 2'000'000;
    constexpr int64_t count = 64 << 20;
    std::vector<float> from(count / 4, 1.0f), to(count / 4, 0.0f), sums(static_cast<size_t>(thread_count()));
    const auto arithmetic = PURNET_PICK(multiply_add);
    const auto copy = PURNET_PICK(copy);
    for (int trial = 0; trial < 5; ++trial) {
        double start = seconds_now();
        parallel_for(thread_count(), 1, [&](int64_t begin, int64_t end) {
            for (int64_t t = begin; t < end; ++t) sums[static_cast<size_t>(t)] = arithmetic(rounds);
        });
        best.gflops = std::max(best.gflops, 2.0 * lanes * rounds * thread_count() / (seconds_now() - start) * 1e-9);
        start = seconds_now();
        parallel_for(static_cast<int64_t>(from.size()), 1 << 16, [&](int64_t begin, int64_t end) {
            copy(&from[static_cast<size_t>(begin)], &to[static_cast<size_t>(begin)], end - begin);
        });
        best.gbytes = std::max(best.gbytes, 8.0 * static_cast<double>(from.size()) / (seconds_now() - start) * 1e-9);
    }
    return best;
}

}  // namespace purnet::ceiling
