// One picture on its way into a batch.
#pragma once

#include <cstdint>
#include <vector>

#include "core/random/philox.h"
#include "data/augment/augment.h"
#include "data/source/dataset.h"
#include "data/superpixels/cache.h"

namespace purnet {

// What does not change from use to use: at the network's size. Labels are below 4096 (check_labels).
struct Prepared {
    Image rgb, mask;
    std::vector<uint16_t> labels;

    size_t bytes() const { return rgb.pixels.size() + mask.pixels.size() + labels.size() * sizeof(uint16_t); }
};

// A mask of another shape than its picture is a wrong pair: an Error with both sizes. One pixel of difference comes from rounded resizing.
void check_pair(const std::string& name, const Image& image, const Image& mask);

// Labels are numbers of regions, which the structural loss (kernels/structural) takes up to its most_regions - 1 of: an Error with the
// picture's name and the label beyond, of the whole file, so that no size of the network hides it. A CUDA kernel could not say it.
void check_labels(const std::string& name, const LabelMap& labels);

// superpixels 0: no labels. A label map that comes with the data is used instead of our own. cache may be null.
Prepared prepare(const DataSet& set, size_t item, int side, int superpixels, double compactness, SuperpixelCache* cache);

// One use of it in a batch, augmented, `side` squared.
Sample sample_of(const Prepared& picture, int side, const AugmentOptions& options, RandomDraws& random);

}  // namespace purnet
