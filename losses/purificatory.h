// The five losses of the purificatory network, and which parts of it each of them moves.
// Source: Li, Su, Xia, Ma, Tian, IEEE TIP 30 (2021), equations 3, 7-9, 12-16; "code" is the authors' published code where it
// differs. Every loss is a sum over the five levels of a mean over all pixels (the structural one: a mean over images).
// `overlap` is no loss of the paper: the region loss of the field, an option, moved and staged as `structural` is.
//
//     main           L_RM  weighted_bce(z_i, G; 1 + |tanh z_E,i|)
//     structural     L_SS  structural_kl(z_i, G, labels)
//     overlap              overlap_loss(z_i, G)
//     promotion      L_P   BCE(z_P,i, G)
//     rectification  L_R,O BCE(z_O,i, G)
//     error          L_R,E error_loss(z_E,i; z_O,i, G)
//
// Stage 1 has main and structural, of a network without attentions, so that L_RM is plain BCE. Recipe `paper`: stage 2 has
// promotion, rectification and error and leaves extractor and main decoder as they are; stage 3 has the sum of all. Recipe
// `code`: stage 2 has all but structural, stage 3 all; in both, extractor and main decoder follow main + structural alone,
// the promotion part its own loss, the rectification part the sum of its two; L_RM's weight has a gradient there and its
// probabilities are clamped to [1e-4, 1 - 1e-4]; in all stages the structural loss takes the sigmoid of the map once more.
// Losses of outputs that the network does not have are dropped; structural and overlap are kept only where asked for.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/ops/losses.h"
#include "core/tape.h"
#include "losses/parts.h"

namespace purnet {

enum class Recipe { paper, code };

struct LossInputs {
    std::array<Tensor, 5> z, zp, zo, ze;  // logits N,H,W,1 by level, index 0 = level 1; undefined where there is none
    Tensor mask;                          // G in [0, 1], N,H,W,1
    Tensor labels;                        // superpixels, int32 N,H,W; needed by the structural loss alone
};

struct LossOptions {
    Recipe recipe = Recipe::paper;
    int stage = 3;  // 1, 2 or 3
    ops::ErrorLoss error = ops::ErrorLoss::bce;
    bool structural = true;
    bool overlap = false;
};

struct LossTerm {
    std::string name;              // as in the table above
    std::array<Tensor, 5> levels;  // scalars

    double total() const;  // waits for the device
};

struct LossRoot {
    Tensor value;  // scalar
    Parts moves;
};

struct Losses {
    std::vector<LossTerm> terms;
    std::vector<LossRoot> roots;  // in the order of backward

    std::vector<Tape::Root> tape_roots() const;
};

Losses purificatory_losses(const LossInputs& inputs, const LossOptions& options);

// The parts that learn, and those whose parameters and batch-norm statistics stay as they are.
Parts fixed_parts(Recipe recipe, int stage);

// Sum over the levels of the entropy of the error loss's target: the floor of that loss with ErrorLoss::bce. Not recorded.
double error_floor(const LossInputs& inputs);

}  // namespace purnet
