// The example of the documentation is compiled as it stands, and does what the program does.
#define main library_example
#include "docs/examples/predict.cpp"
#undef main

#include <doctest/doctest.h>

#include "tests/support/pictures.h"
#include "tests/support/small_network.h"
#include "tests/support/temporary_folder.h"

namespace purnet {

TEST_CASE("library example: the mask of a photograph, and errors in words") {
    const test::TemporaryFolder folder;
    std::string weights = test::write_small_weights(folder / "w.safetensors"), photo = folder / "photo.png", mask = folder / "mask.png",
                name = "predict";
    const Image rgb = test::pattern(70, 50, 3);
    atomic_write(photo, encode_png(rgb));
    char* words[] = {name.data(), weights.data(), photo.data(), mask.data()};
    REQUIRE(library_example(4, words) == 0);
    Predictor predictor(weights);
    const std::vector<float> map = predictor.map(rgb.pixels.data(), 70, 50);
    Image wanted(70, 50, 1);
    map_to_bytes(map.data(), 64, 64, wanted.pixels.data(), 50, 70);
    CHECK(read_grey(mask) == wanted);
    CHECK(library_example(1, words) == 1);
}

}  // namespace purnet
