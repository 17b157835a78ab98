// train --self-test: one batch is learned by heart, or the reason is told.
#include <doctest/doctest.h>

#include "apps/salient/self_test.h"
#include "apps/salient/stage.h"
#include "core/formats/atomic_file.h"
#include "core/random/philox.h"
#include "data/image/encode.h"
#include "nets/init.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"

namespace purnet::test {
namespace {

namespace fs = std::filesystem;

constexpr int side = 32;

// Pictures of different colours with a white square each.
Batch good_batch() {
    Batch batch{.step = 0, .n = 3, .h = side, .w = side};
    for (int j = 0; j < batch.n; ++j) {
        const Image picture = pattern(side, side, 3);
        for (size_t i = 0; i < picture.pixels.size(); ++i) batch.rgb.push_back(static_cast<uint8_t>(picture.pixels[i] + 40 * j));
        for (int y = 0; y < side; ++y)
            for (int x = 0; x < side; ++x) batch.mask.push_back(x > 8 && x < 20 && y > 4 + j && y < 25 ? 1.0f : 0.0f);
        batch.names.push_back(std::string(1, static_cast<char>('a' + j)));
    }
    return batch;
}

float* mask_of(Batch& batch, int j) { return batch.mask.data() + j * side * side; }
uint8_t* picture_of(Batch& batch, int j) { return batch.rgb.data() + j * side * side * 3; }

// Trained in a few steps.
TrainConfig small_config() {
    TrainConfig config;
    apply_preset(config, "demo");
    config.size = side;
    config.width = 4;
    config.superpixels = 0;
    config.structural = false;
    return config;
}

std::unique_ptr<PurNet> small_network(const TrainConfig& config) {
    auto net = std::make_unique<PurNet>(network_config(config, 1, false));
    initialise(net->parameters(), 1);
    return net;
}

std::string outcome_of(const TrainConfig& config, const Batch& batch) {
    return error_of([&] { self_test(config, 1, small_network(config), batch, [] { return false; }, {.most_steps = 40}); });
}

}  // namespace

TEST_CASE("self-test: what no network learns is named by its picture") {
    CHECK(batch_faults(good_batch()).empty());
    const auto only = [](const Batch& batch) {
        const std::vector<std::string> lines = batch_faults(batch);
        REQUIRE(lines.size() == 1);
        return lines[0];
    };
    Batch batch = good_batch();
    std::fill_n(mask_of(batch, 1), side * side, 0.0f);
    CHECK(only(batch) == "b: the mask is empty");
    std::fill_n(mask_of(batch, 1), side * side, 1.0f);
    CHECK(only(batch) == "b: the mask is white all over");

    batch = good_batch();
    for (int i = 0; i < side * side; ++i) mask_of(batch, 2)[i] /= 255;
    CHECK(only(batch) == "c: the mask is dark: its largest value is 1, white is 255");

    batch = good_batch();
    const RandomStream draws(1, "noise");
    for (int i = 0; i < side * side; ++i) mask_of(batch, 0)[i] = draws.uniform(0, static_cast<uint64_t>(i)) < 0.5f ? 1.0f : 0.0f;
    CHECK(only(batch) == "a: the mask is noise: no network follows it pixel by pixel");

    batch = good_batch();
    std::fill_n(picture_of(batch, 0), side * side * 3, uint8_t{90});
    CHECK(only(batch) == "a: the picture is of one colour: nothing tells its object from the ground");

    batch = good_batch();
    std::copy_n(picture_of(batch, 0), side * side * 3, picture_of(batch, 2));
    CHECK(only(batch) == "c: the same picture as a, but another mask");
    std::copy_n(mask_of(batch, 0), side * side, mask_of(batch, 2));
    CHECK(batch_faults(batch).empty());
}

TEST_CASE("self-test: a batch that is not learned ends in a reason") {
    const Batch good = good_batch();
    TrainConfig config = small_config();
    CHECK(contains(outcome_of(config, good), "it learns, but slowly"));
    config.rate = 1e-12;
    config.rate_extractor = 0;
    CHECK(contains(outcome_of(config, good), "--rate does not fit"));
    config.rate = 1e30;
    config.clip = 0;
    CHECK(contains(outcome_of(config, good), "lower --rate, now 1e+30"));

    config = small_config();
    Batch noise = good;
    const RandomStream draws(1, "noise");
    for (size_t i = 0; i < noise.mask.size(); ++i) noise.mask[i] = draws.uniform(0, i) < 0.5f ? 1.0f : 0.0f;
    const std::string reason = outcome_of(config, noise);
    CHECK_MESSAGE(contains(reason, "look at the 3 warnings above, then at check-data"), reason);
    Batch empty = good;
    std::fill(empty.mask.begin(), empty.mask.end(), 0.0f);
    CHECK(contains(outcome_of(config, empty), "there is nothing to learn"));
    CHECK_FALSE(self_test(config, 1, small_network(config), good, [] { return true; }));
}

TEST_CASE("self-test: train begins once a batch was learned, and ends with the same bits as without") {
    const TemporaryFolder folder;
    REQUIRE(run_program({"draw", "--count", "6", "--size", "40", "--out", folder / "drawn"}).code == 0);
    const auto train = [&](const std::string& name, const std::vector<std::string>& more) {
        std::vector<std::string> words = {"train",
                                          "--preset",
                                          "demo",
                                          "--size",
                                          "32",
                                          "--width",
                                          "4",
                                          "--batch",
                                          "2",
                                          "2",
                                          "2",
                                          "--steps",
                                          "2",
                                          "1",
                                          "2",
                                          "--superpixels",
                                          "9",
                                          "--val-fraction",
                                          "0",
                                          "--data",
                                          folder / "drawn",
                                          "--out",
                                          folder / name};
        words.insert(words.end(), more.begin(), more.end());
        return run_program(words);
    };
    const Outcome tested = train("tested", {"--self-test"}), plain = train("plain", {});
    CHECK_MESSAGE(tested.code == 0, tested.err);
    CHECK_MESSAGE(contains(tested.err, "self-test: learned: error 0."), tested.err);
    CHECK_FALSE(contains(plain.err, "self-test"));
    CHECK(text_of_file(folder / "tested/final.safetensors") == text_of_file(folder / "plain/final.safetensors"));

    for (const fs::directory_entry& mask : fs::directory_iterator(folder / "drawn/masks")) atomic_write(mask, encode_png(Image(40, 40, 1)));
    const Outcome refused = train("refused", {"--self-test"});
    CHECK(refused.code == 1);
    CHECK_MESSAGE(contains(refused.err, "the mask is empty"), refused.err);
    CHECK(contains(refused.err, "there is nothing to learn"));
    CHECK_FALSE(fs::exists(folder / "refused/log.jsonl"));
}

}  // namespace purnet::test
