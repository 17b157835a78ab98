#include "apps/bench/materials.h"

#include "core/formats/npy.h"
#include "core/formats/safetensors.h"
#include "data/drawn/drawn.h"
#include "nets/init.h"
#include "nets/name_maps.h"

namespace purnet::bench {
namespace {

namespace fs = std::filesystem;

constexpr int photograph_width = 400, photograph_height = 300;
// More than a loader has on its way at once.
constexpr int training_pictures = 24;

fs::path made(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    require(!error, folder.string(), ": cannot be made: ", error.message());
    return folder;
}

std::string preset_of(const std::string& net) { return net == "light" ? "light" : "paper"; }

}  // namespace

PurNetConfig config_of_net(const std::string& net) {
    TrainConfig training;
    apply_preset(training, preset_of(net));
    PurNetConfig config;
    config.backbone = backbone_named(net);
    config.width = training.width;
    config.normalisation = default_normalisation(config.backbone);
    return config;
}

std::unique_ptr<PurNet> Materials::network(const std::string& net) const {
    auto network = std::make_unique<PurNet>(config_of_net(net));
    initialise(network->parameters(), 1);
    return network;
}

fs::path Materials::weights(const std::string& net) {
    const fs::path file = folder_ / (net + ".safetensors");
    if (!fs::exists(file)) write_safetensors(file, weights_of(*network(net), 0));
    return file;
}

fs::path Materials::inputs(int size, int batch) {
    const fs::path folder = made(folder_ / concat("inputs-", size, "-", batch));
    if (fs::exists(folder / "input.npy")) return folder;
    std::vector<uint8_t> rgb;
    for (int i = 0; i < batch; ++i) {
        const Image picture = draw_picture(1, static_cast<uint64_t>(i), size, size).rgb;
        rgb.insert(rgb.end(), picture.pixels.begin(), picture.pixels.end());
    }
    write_npy(folder / "input.npy", make_array({batch, size, size, 3}, rgb));
    return folder;
}

fs::path Materials::photographs(int count) {
    const fs::path folder = folder_ / concat("photographs-", count);
    if (!fs::exists(folder)) write_drawn(folder, 1, 0, count, photograph_width, photograph_height);
    return folder;
}

fs::path Materials::repeated(int count, int times) {
    const fs::path folder = folder_ / concat("repeated-", count, "-", times), images = photographs(count) / "images";
    if (fs::exists(folder)) return folder;
    for (int i = 0; i < times; ++i) {
        const fs::path part = made(folder / std::to_string(i));
        for (const fs::directory_entry& image : fs::directory_iterator(images)) {
            std::error_code error;
            fs::create_symlink(image.path(), part / image.path().filename(), error);
            require(!error, part.string(), ": no link can be made there: ", error.message());
        }
    }
    return folder;
}

TrainConfig Materials::training(const std::string& net, int size) {
    TrainConfig config;
    apply_preset(config, preset_of(net));
    config.backbone = net;
    config.size = size;
    config.batch = {4, 4, 4};
    config.val_fraction = 0;
    config.cache_mb = 0;
    config.data = {photographs(training_pictures).string()};
    config.out = fresh("run").string();
    check(config);
    return config;
}

fs::path Materials::fresh(const std::string& name) { return folder_ / concat(name, "-", ++names_); }

}  // namespace purnet::bench
