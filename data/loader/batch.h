// What a step learns from: some pictures of one size, with masks and region labels.
//
// A loader's pictures lie as they were prepared, each with the change that was drawn for it, until somebody carries the changes out: a
// worker of the loader (carry_out_changes), or the device that computes (kernels/augment). The bytes are the same.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace purnet {

struct Unaugmented {
    int side = 0;  // of the squares; 0: none, the batch is made
    std::vector<uint8_t> rgb, mask;
    std::vector<uint16_t> labels;  // empty without superpixels
    std::vector<uint8_t> changes;  // change_bytes(side) of each picture
};

struct Batch {
    int64_t step = 0;
    int n = 0, h = 0, w = 0;
    std::vector<uint8_t> rgb;     // n,h,w,3
    std::vector<float> mask;      // n,h,w in [0, 1]
    std::vector<int32_t> labels;  // n,h,w; empty without superpixels
    std::vector<std::string> names;
    Unaugmented source;  // while this has a side, the three above are empty

    // The first `count` pictures.
    Batch first(int count) const;
};

// Makes rgb, mask and labels of the source, which is empty then.
void carry_out_changes(Batch& batch);

}  // namespace purnet
