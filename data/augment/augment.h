// Random changes of a training sample: a picture, its mask and its superpixels, all of one size.
//
// `draw_augmentation` turns random numbers into a plain description, `write_change` that into the change which kernels/augment carries out,
// on the host or on a device: same draw, same bytes. Order: colour, flip, then rotation about the centre and crop in one interpolation
// (picture bilinear, mask and labels nearest; what comes from outside is 0, label 0 too).
//   flip         with probability 1/2
//   rotation     uniform in +-rotate degrees
//   crop         a window whose sides are uniform in [1 - crop, 1] of the picture's, anywhere in it, shown at the whole size
//   brightness   v -> v f,                     f uniform in [1 - brightness, 1 + brightness]
//   contrast     v -> m + (v - m) f,           m the mean grey value
//   saturation   v -> g + (v - g) f,           g the pixel's grey value; each step clamped to 0 .. 255
#pragma once

#include <array>
#include <cstdint>

#include "core/random/philox.h"
#include "data/image/image.h"

namespace purnet {

struct AugmentOptions {
    bool flip = true;
    double rotate = 0;      // degrees, 0 .. 180
    double crop = 0;        // 0 .. 0.9
    double brightness = 0;  // 0 .. 1, so the next two
    double contrast = 0;
    double saturation = 0;
};

struct Augmentation {
    bool flip = false;
    double degrees = 0;
    double left = 0, top = 0, width = 1, height = 1;  // the window, in parts of the picture
    double brightness = 1, contrast = 1, saturation = 1;
};

// Error: an option out of range.
void check_options(const AugmentOptions& options);

// Takes the same number of draws whatever the options are, so that one more option changes nothing of the others.
Augmentation draw_augmentation(const AugmentOptions& options, RandomDraws& draws);

// How many pixels of a picture have each value, in each channel: what the mean grey value, and so the contrast, is made of. It is the same
// in every use of the picture.
using ColourCounts = std::array<std::array<int32_t, 256>, 3>;
ColourCounts count_colours(const Image& rgb);

// The change (kernels/augment/augment.h) of a picture of that size and those colours; `to` is change_bytes(height) long.
void write_change(const Augmentation& augmentation, int width, int height, const ColourCounts& colours, uint8_t* to);

}  // namespace purnet
