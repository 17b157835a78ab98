// One picture on its way into a batch.
#pragma once

#include <cstdint>
#include <vector>

#include "data/augment/augment.h"
#include "data/loader/batch.h"
#include "data/source/dataset.h"
#include "data/superpixels/cache.h"

namespace purnet {

// What does not change from use to use: at the network's size. Labels are below 4096 (check_labels).
struct Prepared {
    Image rgb, mask;
    std::vector<uint16_t> labels;
    ColourCounts colours;  // of rgb

    size_t bytes() const { return rgb.pixels.size() + mask.pixels.size() + labels.size() * sizeof(uint16_t) + sizeof colours; }

    // As one more picture of a batch, to be changed so.
    void add_to(Unaugmented& source, const Augmentation& augmentation) const;
};

// A mask of another shape than its picture is a wrong pair: an Error with both sizes. One pixel of difference comes from rounded resizing.
void check_pair(const std::string& name, const Image& image, const Image& mask);

// Labels are numbers of regions, which the structural loss (kernels/structural) takes up to its most_regions - 1 of: an Error with the
// picture's name and the label beyond, of the whole file, so that no size of the network hides it. A CUDA kernel could not say it.
void check_labels(const std::string& name, const LabelMap& labels);

// superpixels 0: no labels. A label map that comes with the data is used instead of our own. cache may be null.
Prepared prepare(const DataSet& set, size_t item, int side, int superpixels, double compactness, SuperpixelCache* cache);

}  // namespace purnet
