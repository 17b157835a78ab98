// Parameter groups of a training stage (the network's specification, section 5):
//
//                     paper                           code
//     rate            1e-3 extractor, 1e-2 the rest   the same in stage 1; in stages 2 and 3 the main decoder has 1e-3;
//                                                     a `*.bias` (batch norm's too) twice its group's
//     weight decay    5e-4 on everything              5e-4, none on a `*.bias`
//     schedule        poly for all                    poly for the extractor's groups, constant for the others
//
// The groups are extractor, main, promotion, rectification, as far as the network has them and the stage moves them; in
// `code` each is two groups, weights and biases.
#pragma once

#include "core/optim/parameter_group.h"
#include "losses/purificatory.h"

namespace purnet {

struct RecipeRates {
    double extractor = 1e-3;
    double others = 1e-2;
    double weight_decay = 5e-4;
    Schedule schedule{.shape = Schedule::Shape::poly};  // of the groups that do not stay constant; its steps are the stage's
    Parts frozen;                                       // parts that stay as they are besides the recipe's
};

std::vector<ParameterGroup> purnet_groups(ParameterStore& store, Recipe recipe, int stage, int64_t steps, const RecipeRates& rates = {});

}  // namespace purnet
