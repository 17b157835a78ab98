// PurNet: extractor, three decoders, promotion and rectification attention, and a logit map per level.
// Source: Li, Su, Xia, Ma, Tian, "Salient object detection with purificatory mechanism and structural similarity loss",
// IEEE TIP 30 (2021), equations 1-12; forms and names as in the authors' published code.
//
// At each level, F, F_P, F_R the features of the three decoders:
//     promotion       A_P = gain * softmax over space of F_P * softmax over channels of its mean;  z_P from F_P A_P + F_P
//     rectification   O object branch, E = gross branch - O of F_R, A_R = tanh(E);  z_O from O A_R + O, z_E from E
//     purification    T = F A_P + F, T' = CBP(3)(T);  z from T' A_R + T'
// A form without one of the attentions leaves the sum with itself (F, T'); the stage-1 network has neither, nor T': z from F.
#pragma once

#include "losses/parts.h"
#include "nets/decoder.h"
#include "nets/purnet_config.h"

namespace purnet {

class PurNet {
public:
    // All parameters are zero until they are initialised or loaded.
    explicit PurNet(const PurNetConfig& config, Device device = {}, DType activation = DType::f32, Values values = Values::zero);

    struct Run {
        Mode mode = Mode::inference;
        Parts fixed{};  // parts in inference mode though the rest trains; a fixed extractor is not recorded on a tape
        bool main = true, promotion = true, rectification = true;  // which logits are wanted, where the form has them
        int levels = 5;                                            // logits of levels 1 .. levels
        bool attentions = false;
    };

    // Index 0 = level 1. Logits N,H,W,1; attentions N,h,w,width, without gradient.
    struct Outputs {
        Levels z, zp, zo, ze;
        Levels promotion_attention, rectification_attention;
    };

    // image N,H,W,3, normalised; H, W of 32 and more. Runs only what the outputs asked for need.
    Outputs operator()(const Tensor& image, const Run& run) const;
    // z_1 in inference mode, N,H,W,1, and nothing that it does not need.
    Tensor level1(const Tensor& image) const;
    // The prediction: sigmoid(z_1).
    Tensor map(const Tensor& image) const;

    const PurNetConfig& config() const { return config_; }
    ParameterStore& parameters() { return store_; }
    const ParameterStore& parameters() const { return store_; }
    const Extractor& extractor() const { return *extractor_; }

private:
    struct Promotion {
        Decoder decoder;
        std::vector<Classifier> classifiers;  // levels 5 .. 1, like all lists here: the order of files
        explicit Promotion(const Scope& scope, const std::array<int64_t, 5>& channels, int width);
    };
    struct Branch {
        Cbp first, second, third;
        Branch(const Scope& scope, int width);
        Tensor operator()(const Tensor& x, Mode mode) const { return third(second(first(x, mode), mode), mode); }
    };
    struct Rectification {
        Decoder decoder;
        struct Level {
            Branch object, gross;
        };
        struct Heads {
            Head object, error;
        };
        struct Upsamplers {
            ConvTranspose2d object, error;
        };
        std::vector<Level> branches;
        std::vector<Heads> heads;
        std::vector<Upsamplers> upsamplers;
        explicit Rectification(const Scope& scope, const std::array<int64_t, 5>& channels, int width);
    };

    double gain(const Tensor& feature) const;

    PurNetConfig config_;
    ParameterStore store_;
    std::unique_ptr<Extractor> extractor_;
    std::optional<Decoder> main_;
    std::vector<Classifier> classifiers_;
    std::vector<Cbp> purify_;  // T to T'
    std::optional<Promotion> promotion_;
    std::optional<Rectification> rectification_;
};

}  // namespace purnet
