// The region loss of a map: one less the soft intersection over union with the mask, value and gradient in one call. Of image n of N:
//     p = sigmoid(z)      I = sum of p g      U = sum of p + g - p g      loss = mean over n of 1 - (I + 1) / (U + 1)
//     dz = -p (1 - p) (g (U + 1) - (1 - g) (I + 1)) / (U + 1)^2 / N
// The ones keep a picture without an object finite: its loss falls with the sum of p. A pixel's share of the loss falls with the size of
// the object, so that small and large objects weigh alike, which no mean over pixels does.
// Source: Rahman, Wang, "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation", ISVC 2016, equations 3 to 5
// (without the ones).
// z, g: images,pixels, activations; loss: one parameter; dz: parameters, as they are still to be multiplied by the upstream
// gradient; may be null. Sums in float64 over blocks fixed by the problem.
// Workspace: workspace_bytes(problem). Bytes: 4 to 5 elements of a pixel (z and g are read twice); about 50 FLOP each.
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::overlap {

struct Problem {
    int64_t images = 0, pixels = 0;
};

struct Kernels {
    void (*forward)(const Problem&, const void* z, const void* g, void* loss, void* dz, void* workspace, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(const Problem& problem);

}  // namespace purnet::overlap
