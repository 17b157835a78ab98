// Drawn pictures with known masks: something to train on where no data set is at hand (demo, tests).
//
// One or two objects (blobs, ellipses, stars, boxes with round corners, rings, figures of two parts) with a texture and a colour unlike the
// ground's lie on a textured ground, sometimes one of two halves; small or pale distractors in the ground's own colours lie about and do
// not count. Light falls from one side, objects are shaded and throw a soft shadow, grain and a dark rim come on top. The mask is 255 where
// at least half of a pixel belongs to an object, else 0.
//
// A picture is a function of (seed, index, size).
#pragma once

#include <cstdint>
#include <filesystem>

#include "data/image/image.h"

namespace purnet {

struct DrawnPicture {
    Image rgb, mask;
};

// Sides of 8 .. 4096 pixels; Error else.
DrawnPicture draw_picture(uint64_t seed, uint64_t index, int width, int height);

// Writes images/00000.jpg ... and masks/00000.png ... of pictures first .. first + count - 1 below the folder, which is made where it is
// missing.
void write_drawn(const std::filesystem::path& folder, uint64_t seed, uint64_t first, int count, int width, int height);

}  // namespace purnet
