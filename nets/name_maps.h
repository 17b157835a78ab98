// Where the weights of published checkpoints go: from the names of their files to ours.
//
//     file                                    recognised by                         names
//     PurNet, published or our own            convert1.0.weight                     the same
//     ResNet-50 of torchvision or timm        conv1.weight, layer1.0.conv1.weight   conv1 -> layer0.0, bn1 -> layer0.1; layer1..4 the same;
//     fc unused VGG-16 of torchvision or timm           features.0.weight                     features.N -> vgg.features.N; classifier,
//     pre_logits, head unused EfficientNet-Lite0, PyTorch package     _conv_stem.weight                     NAME -> lite0.NAME; _conv_head,
//     _bn1, _fc unused an extractor of our own names           layer0.0.weight and so on             the same
//
// A "module." in front of every name (data-parallel training) is dropped.
#pragma once

#include <string>

#include "core/checkpoint.h"
#include "nets/purnet.h"

namespace purnet {

// Fills the extractor from a backbone's or a PurNet's file. Error where the file is of another backbone, or anything of the
// extractor is missing; what the file has besides is in the report. `what` names the file.
LoadReport load_extractor(PurNet& net, NamedArrays&& arrays, const std::string& what);

// Fills the whole network from a PurNet's file, exactly.
void load_network(PurNet& net, NamedArrays&& arrays, const std::string& what);

// The network of a weights file, with the form its metadata or names tell.
std::unique_ptr<PurNet> network_of(NamedArrays&& arrays, const std::string& what, Device device = {}, DType activation = DType::f32);

// What network_of reads: the network's tensors, its configuration in the metadata. steps: training steps so far.
NamedArrays weights_of(const PurNet& net, int64_t steps);

// Copies what the two have in common by name and shape (stage 1 into the network of the later stages); returns the number of
// tensors copied.
int64_t copy_common(PurNet& to, const PurNet& from);

}  // namespace purnet
