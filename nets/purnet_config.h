// What a PurNet is made of: every form of the network, and what must be known to run its weights. Weights files carry it as
// metadata; a published file without metadata is recognised by its names and shapes.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "core/formats/array.h"
#include "core/plan/ranges.h"

namespace purnet {

enum class Backbone { resnet50, vgg16, light };

// The paper's table II: extractor, main decoder and classifiers with BCE; plus promotion (pa), rectification (ra), both (pm),
// the structural loss alone (ssl), everything (full).
enum class Ablation { baseline, pa, ra, pm, ssl, full };

// Factor of the promotion attention: 1, or C h w, which makes its mean 1.
enum class PromotionGain { one, mean };

// The network's input: (RGB byte / scale - mean) / deviation.
struct Normalisation {
    double scale = 255;
    std::array<float, 3> mean{}, deviation{1, 1, 1};

    bool operator==(const Normalisation&) const = default;
    // The value of every byte in every channel, [channel][byte]; computed in float64.
    std::array<std::array<double, 256>, 3> table() const;
};

Normalisation default_normalisation(Backbone backbone);

struct PurNetConfig {
    Backbone backbone = Backbone::resnet50;
    int width = 128;  // channels of the decoders
    Ablation ablation = Ablation::full;
    bool stage1 = false;  // the network of the first training stage: no attention, classifiers read F
    PromotionGain promotion_gain = PromotionGain::one;
    bool pretrained = false;  // the extractor started from a file (it sets the momentum of the light one's statistics)
    Normalisation normalisation = default_normalisation(Backbone::resnet50);
    int size = 320;  // height and width of the network's input
    Ranges ranges;   // for inference in 8 bits; empty: not measured

    bool has_promotion() const { return !stage1 && (ablation == Ablation::pa || ablation == Ablation::pm || ablation == Ablation::full); }
    bool has_rectification() const {
        return !stage1 && (ablation == Ablation::ra || ablation == Ablation::pm || ablation == Ablation::full);
    }
    bool has_structural_loss() const { return ablation == Ablation::ssl || ablation == Ablation::full; }
    // Without attentions there is nothing for the second and third stage to add.
    bool has_three_stages() const { return ablation != Ablation::baseline && ablation != Ablation::ssl; }

    bool operator==(const PurNetConfig&) const = default;
};

// Throws where a value makes no network (width, size, normalisation).
void check(const PurNetConfig& config);

std::string_view name_of(Backbone value);       // resnet50, vgg16, light
std::string_view name_of(Ablation value);       // baseline, pa, ra, pm, ssl, full
std::string_view name_of(PromotionGain value);  // one, mean
Backbone backbone_named(std::string_view name);
Ablation ablation_named(std::string_view name);
PromotionGain promotion_gain_named(std::string_view name);

// Keys: network ("purnet"), backbone, width, ablation, form ("full", "stage1"), promotion_gain, extractor_start ("file",
// "random"), normalisation ("255; 0.4923 0.4634 0.3974; 0.2737 0.2659 0.2836"), size, and where they were measured ranges.
std::map<std::string, std::string> to_metadata(const PurNetConfig& config);

// Of metadata that to_metadata() has written, without the tensors. Error: a key is missing or says nothing that is known.
PurNetConfig config_of(const std::map<std::string, std::string>& metadata);

// {"layer1.0.conv1.weight": [low, high], ...}
std::string ranges_text(const Ranges& ranges);

// The configuration of a weights file, from its metadata; what they do not say, from its names and shapes.
PurNetConfig config_of(const NamedArrays& file);

}  // namespace purnet
