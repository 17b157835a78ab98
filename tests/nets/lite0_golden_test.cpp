// The light extractor with ImageNet weights against golden/lite0. The file of the PyTorch package
// (efficientnet-lite0-57934424.pth) is named by PURNET_LITE0, or lies beside the shared material as efficientnet-lite0.pth.
#include <cstdlib>

#include "core/formats/pth.h"
#include "nets/name_maps.h"
#include "tests/support/network_goldens.h"

namespace purnet {
namespace {

using namespace test;

std::optional<std::filesystem::path> lite0_file() {
    const char* set = std::getenv("PURNET_LITE0");
    if (set && *set) return set;
    return shared_path("../efficientnet-lite0.pth");
}

}  // namespace

TEST_CASE("golden lite0: the extractor's five levels with ImageNet weights in float32 on the CPU") {
    const auto weights = lite0_file();
    const auto root = network_golden("lite0");
    if (!weights || !root) {
        MESSAGE("skipped: efficientnet-lite0.pth (PURNET_LITE0) or golden/lite0 is absent");
        return;
    }
    PurNetConfig config;
    config.backbone = Backbone::light;
    config.width = 8;
    config.normalisation = default_normalisation(config.backbone);
    PurNet net(config);
    const LoadReport report = load_extractor(net, read_pth(*weights), weights->string());
    CHECK(report.complete());
    CHECK(report.loaded == 240);
    const auto stats = read_json(*root / "stats.json");
    for (const std::string name : {"320", "odd"}) {
        const Array rgb = read_npy(*root / ("extractor_" + name + "_input_rgb_u8.npy"));
        const Levels levels = net.extractor()(network_input(rgb, config.normalisation, cpu_place), Mode::inference);
        for (size_t i = 0; i < 5; ++i) {
            CAPTURE(name);
            CAPTURE(i);
            const auto& wanted = stats[name][i];
            CHECK(levels[i].shape().vector() == wanted["shape"].get<std::vector<int64_t>>());
            const std::vector<double> got = levels[i].to_doubles();
            CHECK(norm(got) == doctest::Approx(wanted["l2"].get<double>()).epsilon(1e-5));
            const size_t step = std::max<size_t>(1, got.size() / 2048);
            std::vector<double> sample;
            for (size_t k = 0; k < got.size(); k += step) sample.push_back(got[k]);
            const auto file = *root / ("extractor_" + name + "_level" + std::to_string(i + 1) + ".npy");
            const double deviation = relative_to_largest(sample, to_float64(read_npy(file)));
            CHECK(deviation <= 1e-4);
            MESSAGE("lite0 " << name << " level " << i + 1 << ": " << deviation);
        }
    }
}

}  // namespace purnet
