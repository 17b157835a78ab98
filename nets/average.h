// The mean of several networks' weights.
//
//     w = (w_1 + ... + w_n) / n        for each parameter and running statistic, over the networks that have it; sums in float64
//
// Networks trained on from one start, or saved on one way, lie in one valley of the loss: their mean is often better than each of them and
// costs no more than one. Networks of different starts have no such mean. Source: Wortsman et al., "Model soups", ICML 2022, section 2 (the
// uniform soup).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nets/purnet.h"

namespace purnet {

// Writes into `net` its mean with the others, each with the name of its file for errors. One of the others may lack parts of `net` (a
// network of stage 1, an ablation), which then are the mean of the rest. Error where backbone, normalisation or the factor of the
// attention differ, and where one has a tensor that `net` has not, or of another shape.
void average_into(PurNet& net, const std::vector<std::pair<std::string, PurNet*>>& others);

}  // namespace purnet
