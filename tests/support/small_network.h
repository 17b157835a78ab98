// A narrow network with random weights: its maps say nothing, and depend on every pixel.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/formats/safetensors.h"
#include "nets/init.h"
#include "nets/name_maps.h"

namespace purnet::test {

inline std::unique_ptr<PurNet> small_net(int width = 8) {
    PurNetConfig config;
    config.backbone = Backbone::light;
    config.width = width;
    config.ablation = Ablation::baseline;
    config.normalisation = default_normalisation(Backbone::light);
    config.size = 64;
    auto net = std::make_unique<PurNet>(config);
    initialise(net->parameters(), 5);
    return net;
}

// Its weights as a file; the name comes back.
inline std::string write_small_weights(const std::filesystem::path& file) {
    write_safetensors(file, weights_of(*small_net(), 0));
    return file.string();
}

}  // namespace purnet::test
