// Predictors that give their weights back once these are packed.
#include "apps/salient/predictor.h"

#include <doctest/doctest.h>

#include <fstream>

#include "tests/support/pictures.h"
#include "tests/support/refused.h"
#include "tests/support/small_network.h"
#include "tests/support/temporary_folder.h"

namespace purnet {

TEST_CASE("predictor of a file: what needs the weights again reads them again, and computes the same") {
    const test::TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors");
    const Image rgb = test::pattern(64, 64, 3);
    std::vector<uint8_t> three;
    for (int i = 0; i < 3; ++i) three.insert(three.end(), rgb.pixels.begin(), rgb.pixels.end());
    Predictor of_file{std::filesystem::path(weights)}, of_network(test::small_net());
    const auto maps = [&](Predictor& predictor, int n) {
        std::vector<float> out(static_cast<size_t>(n) * 64 * 64);
        predictor.maps_of_resized(three.data(), n, out.data());
        return out;
    };
    const PurNetConfig& config = of_file.config();
    const std::vector<float> one = maps(of_network, 1);
    CHECK(maps(of_file, 1) == one);
    CHECK(maps(of_file, 2) == maps(of_network, 2));
    CHECK(of_file.inspect(rgb.pixels.data(), 64, 64).levels == of_network.inspect(rgb.pixels.data(), 64, 64).levels);
    CHECK(maps(of_file, 1) == one);
    CHECK(config.size == 64);

    CHECK(maps(of_file, 3) == maps(of_network, 3));
    std::ofstream(weights, std::ios::app) << "more";
    std::vector<float> four(4 * 64 * 64);
    three.insert(three.end(), rgb.pixels.begin(), rgb.pixels.end());
    REFUSED(of_file.maps_of_resized(three.data(), 4, four.data()), "changed while it was in use");
    CHECK(maps(of_file, 1) == one);
    std::filesystem::remove(weights);
    REFUSED(of_file.inspect(rgb.pixels.data(), 64, 64), "changed while it was in use");
    CHECK(maps(of_file, 2) == maps(of_network, 2));
}

}  // namespace purnet
