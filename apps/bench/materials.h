// What the rows of whole networks work on, made as they ask for it in a temporary folder: weights by rule, drawn photographs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "apps/run/temporary_folder.h"
#include "apps/salient/train_config.h"
#include "nets/purnet.h"

namespace purnet::bench {

// resnet50: 128 channels, as published. light: 48, as its preset.
PurNetConfig config_of_net(const std::string& net);

class Materials {
public:
    // A network with initial values, and its weights as a file.
    std::unique_ptr<PurNet> network(const std::string& net) const;
    std::filesystem::path weights(const std::string& net);

    // input.npy: `batch` drawn pictures, uint8 N,size,size,3.
    std::filesystem::path inputs(int size, int batch);

    // A folder with images/00000.jpg ... (400 x 300) and their masks/, `count` of them.
    std::filesystem::path photographs(int count);
    // A folder with the images alone, each `times` times.
    std::filesystem::path repeated(int count, int times);

    // Stage 3 on drawn pictures in batches of 4: preset paper for resnet50, light for light, which augments more. Decoded pictures are
    // not kept in memory, as if there were more than fit; superpixels are not kept either.
    TrainConfig training(const std::string& net, int size);

    // A name in the folder that was not given before.
    std::filesystem::path fresh(const std::string& name);

private:
    TemporaryFolder folder_{"purnet-bench"};
    int names_ = 0;
};

}  // namespace purnet::bench
