// One of the three decoders, which share their form:
//
//     F5 = convert5(E5)                              convert_i: CBP(1), channels of E_i to width
//     F_i = convert_i(E_i) + up_{i+1}(F_{i+1})       up5, up2: CBP(3); up4, up3: CBP(3), then a transposed convolution 4x4 of
//                                                    stride 2 without padding, cropped from row 1, column 1 to the size of E_i
//
// and what turns a feature into logits: a head CBP(3), CBP(1), convolution 1x1 to one channel, and an upsampler, a transposed
// convolution 1 -> 1 of kernel k and stride k / 2, k = 8, 8, 16, 32, 32 for levels 1 .. 5, cropped to H x W from k / 4.
#pragma once

#include <optional>
#include <vector>

#include "layers/cbp.h"
#include "layers/conv_transpose2d.h"
#include "nets/extractor.h"

namespace purnet {

class Decoder {
public:
    // prefix: "", "oa_" or "ea_".
    Decoder(const Scope& scope, const std::string& prefix, const std::array<int64_t, 5>& channels, int width);
    Levels operator()(const Levels& extracted, Mode mode) const;

private:
    struct Up {
        Cbp cbp;
        std::optional<ConvTranspose2d> twice;
    };

    std::vector<Cbp> convert_;  // levels 5 .. 1
    std::vector<Up> up_;        // levels 5 .. 2
};

class Head {
public:
    Head(const Scope& scope, int width);
    Tensor operator()(const Tensor& feature, Mode mode) const { return last_(second_(first_(feature, mode), mode)); }

private:
    Cbp first_, second_;
    Conv2d last_;
};

// level: 1 .. 5.
ConvTranspose2d upsampler(const Scope& scope, int level);

// Head and upsampler (index 7) as one sequence.
class Classifier {
public:
    Classifier(const Scope& scope, int width, int level) : head_(scope, width), up_(upsampler(scope / 7, level)) {}
    // Logits N,h,w,1.
    Tensor operator()(const Tensor& feature, Mode mode, int64_t h, int64_t w) const { return up_(head_(feature, mode), h, w); }

private:
    Head head_;
    ConvTranspose2d up_;
};

}  // namespace purnet
