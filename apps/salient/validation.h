// How good the network is on held-out pictures: maps at the masks' own sizes, figures as `eval` gives them.
#pragma once

#include <cstdint>
#include <vector>

#include "data/source/dataset.h"
#include "nets/purnet.h"

namespace purnet {

struct ValidationFigures {
    double mae = 0, max_f = 0;
    int64_t images = 0;
};

class Validator {
public:
    // Reads and resizes the pictures once and keeps them (at the network's size; masks at theirs).
    Validator(const DataSet& set, const std::vector<int64_t>& items, int side);

    int64_t images() const { return static_cast<int64_t>(pictures_.size()); }
    int side() const { return side_; }
    Image picture(size_t i) const;  // at the network's size
    const Image& mask(size_t i) const { return pictures_[i].mask; }
    ValidationFigures run(const PurNet& net) const;

private:
    struct Picture {
        std::vector<uint8_t> rgb;  // side squared
        Image mask;
    };
    int side_;
    std::vector<Picture> pictures_;
};

}  // namespace purnet
