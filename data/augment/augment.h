// Random changes of a training sample: a picture, its mask and its superpixels, all of one size.
//
// `draw` turns random numbers into a plain description, `apply` carries it out: same draw, same result. Order: colour, flip, then rotation
// about the centre and crop in one interpolation (picture bilinear, mask and labels nearest; what comes from outside is 0, label 0 too).
//   flip         with probability 1/2
//   rotation     uniform in +-rotate degrees
//   crop         a window whose sides are uniform in [1 - crop, 1] of the picture's, anywhere in it, shown at the whole size
//   brightness   v -> v f,                     f uniform in [1 - brightness, 1 + brightness]
//   contrast     v -> m + (v - m) f,           m the mean grey value
//   saturation   v -> g + (v - g) f,           g the pixel's grey value; each step clamped to 0 .. 255
#pragma once

#include "core/random/philox.h"
#include "data/image/image.h"

namespace purnet {

struct Sample {
    Image rgb;
    Image mask;       // one channel
    LabelMap labels;  // empty where no superpixels are asked for
};

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

void apply(Sample& sample, const Augmentation& augmentation);

// Brightness, contrast and saturation alone.
void change_colours(Image& rgb, double brightness, double contrast, double saturation);

}  // namespace purnet
