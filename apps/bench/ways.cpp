#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>

#include "apps/bench/bench.h"
#include "apps/bench/device_ceilings.h"
#include "apps/bench/measuring_ways.h"
#include "apps/bench/predicted.h"
#include "apps/bench/report.h"
#include "kernels/conv2d/conv2d_estimate.h"
#include "kernels/conv2d/conv2d_layers.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/arithmetic.h"

namespace purnet::bench {

void run_ways(const WaysOptions& options) {
    Report report("convolution, pass", 60, options.json, options.compare);
    const DeviceChoice choice = choose_device(options.device);
    require(!choice.device.on_host(), "ways are those of a CUDA device: '", options.device, "' is none");
    const Key key{choice.device.type, options.precision == "bf16" ? DType::bf16 : DType::f32};
    const AllowTf32 tf32(options.precision == "tf32");
    nlohmann::json libraries;
    for (const LibraryReport& library : accelerator_libraries()) {
        std::printf("%s: %s%s\n", library.name.c_str(), library.version.empty() ? "absent: " : concat(library.version, ", ").c_str(),
                    library.detail.c_str());
        libraries[library.name] = library.version;
    }
    const DeviceCeilings ceilings = measure_device(key);
    report.place(concat(choice.because, ", ", options.precision, ", batch ", options.batch, ", ", ceilings.product), ceilings.ceilings,
                 {{"precision", options.precision}, {"batch", options.batch}, {"libraries", libraries}, {"product", ceilings.product}});

    MeasuringWays ways;
    std::map<std::string, std::pair<double, int>> logarithms;  // of library / own: sum and count
    constexpr conv2d::Pass passes[] = {conv2d::Pass::forward, conv2d::Pass::backward_data, conv2d::Pass::backward_weights};
    constexpr const char* names[] = {"forward", "backward_data", "backward_weights"};
    for (const conv2d::Layer& layer : conv2d::network_layers(options.batch))
        for (const conv2d::Pass pass : passes) {
            const std::string name = concat(layer.name, " ", names[static_cast<int>(pass)]);
            if (!name.starts_with(options.filter)) continue;
            const auto [own, against] = ways.measure(key, layer.problem, pass);
            // A problem that came up under another name, and one that has a single way and no library, are not measured again.
            if (own.empty() && against.empty()) continue;
            const double ours = against.count("own") ? against.at("own") : least(own);
            Row row{.name = name, .seconds = {1e-3 * ours}, .flops = layer.problem.flops()};
            // The prediction is of the estimate's way, which need not be the best. One that has no other is not measured but against
            // libraries.
            const std::string predicted = conv2d::implicit::estimate_of(layer.problem, pass, key.dtype, true).name();
            const double took = own.empty() ? ours : own.count(predicted) ? own.at(predicted) : 0;
            add_prediction_of_way(row, work_of({layer.problem, pass}, key.dtype), key.dtype, std::isfinite(took) ? 1e-3 * took : 0);
            for (const auto& [way, took] : against) {
                if (way == "own") continue;
                if (std::isfinite(took)) {
                    row.figures.push_back({way + "_ms", took, concat(way, " ", took, " ms, ", took / ours, " of ours")});
                    logarithms[way].first += std::log(took / ours);
                    ++logarithms[way].second;
                } else {
                    row.figures.push_back({way + "_ms", 0, concat(way, " has no kernel for it, or failed")});
                }
            }
            report.add(row);
        }
    for (const auto& [way, sum] : logarithms)
        std::printf("%s: %.2f of our time in the geometric mean of %d\n", way.c_str(), std::exp(sum.first / sum.second), sum.second);
    report.finish(options.filter);
}

}  // namespace purnet::bench
