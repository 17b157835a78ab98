// Pictures to bytes of a file.
//
// PNG: grey, RGB or RGBA (1, 3 or 4 channels), 8 or 16 bits, through libpng. `compression` is zlib's level 1..9; up to 3 rows are
// predicted from the row above alone, which is several times faster than trying all five filters and costs about a tenth in size.
// JPEG: grey or RGB, 8 bits, 4:2:0, through libjpeg(-turbo).
// Errors: an empty picture, one with another number of channels, or pixels that don't match the declared size.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image/image.h"

namespace purnet {

std::vector<uint8_t> encode_png(const Image& image, int compression = 3);
std::vector<uint8_t> encode_png(const Image16& image, int compression = 3);
std::vector<uint8_t> encode_jpeg(const Image& image, int quality = 90);

}  // namespace purnet
