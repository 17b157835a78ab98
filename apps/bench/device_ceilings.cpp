#include "apps/bench/device_ceilings.h"

#include <algorithm>
#include <cmath>

#include "apps/bench/measuring_ways.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/seconds.h"

namespace purnet::bench {
namespace {

double copy_rate(Device device) {
    constexpr size_t bytes = size_t{512} << 20;
    const Block from(device, bytes), to(device, bytes);
    fill_bytes(from.data(), device, 1, bytes);
    double best = 0;
    for (int i = 0; i < 10; ++i) {
        const double start = seconds_now();
        copy_bytes(to.data(), device, from.data(), device, bytes);
        unsigned char byte;
        copy_bytes(&byte, Device{}, to.data(), device, 1);  // returns when all before it has ended
        best = std::max(best, 2 * static_cast<double>(bytes) / (seconds_now() - start) * 1e-9);
    }
    return best;
}

}  // namespace

DeviceCeilings measure_device(Key key) {
    // Rows, sum and columns of 8192: a convolution of 1 x 1 on 128 x 64 pixels.
    const conv2d::Problem product{.h = 128, .w = 64, .c = 8192, .o = 8192};
    Times times;
    {
        MeasuringWays ways;
        const auto [own, against] = ways.measure(key, product, conv2d::Pass::forward);
        times = own;
        for (const auto& [way, took] : against)
            if (way != "own") times[way] = took;
    }
    const auto best = std::min_element(times.begin(), times.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    require(best != times.end() && std::isfinite(best->second), "no product of 8192 x 8192 could be measured");
    return {{.gflops = 1e-6 * product.flops() / best->second, .gbytes = copy_rate({DeviceType::cuda, chosen_accelerator()})},
            concat("ceiling of products (", name_of(key.dtype), ") by ", best->first)};
}

}  // namespace purnet::bench
