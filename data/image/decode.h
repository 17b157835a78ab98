// Pictures from bytes or files.
//
// JPEG goes through libjpeg(-turbo) and PNG through libpng: both are several times faster than stb_image, and stb's readers of these
// two formats have a long record of holes under mutated files. PNM is read here. BMP, TGA (by its file name, for it has no signature)
// and the first frame of GIF go through stb_image, with the declared size checked in front and every read beyond the end turned into
// an error.
//
// What comes out:
//   colour   RGB, 8 bits. Grey and palette pictures are expanded; 16 bits become 8 by taking the high byte; an alpha channel is
//            composited on white; CMYK and YCCK JPEGs are taken as inverted (Adobe's way, as browsers do); colour profiles and gamma are
//            ignored.
//   grey     (masks, maps) 8 bits. 1-bit masks become 0 and 255; colour becomes (0.299 R + 0.587 G + 0.114 B) rounded, as OpenCV
//            does, which leaves R = G = B unchanged; a colour JPEG gives its luma; alpha is dropped.
//   labels   PNG sample values as they are stored: 8 or 16-bit grey numbers, or the indices of a palette.
// EXIF orientation (JPEG's APP1, PNG's eXIf) is applied to all but labels.
//
// Errors: one sentence that begins with `name`. A damaged or truncated file is an error, never a half-grey picture. A picture is refused
// before anything is allocated when it declares more than max_pixels, or more than its number of bytes can hold.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/image/image.h"

namespace purnet {

struct DecodeLimits {
    int64_t max_pixels = 200'000'000;
};

Image decode_rgb(std::span<const uint8_t> bytes, const std::string& name, const DecodeLimits& limits = {});
Image decode_grey(std::span<const uint8_t> bytes, const std::string& name, const DecodeLimits& limits = {});
// RGB for who needs a small picture only: a JPEG may come out at a half, a quarter or an eighth of its size, which costs a fraction of
// the time, as long as no side falls below `at_least` pixels. Other formats come out whole.
Image decode_rgb_reduced(std::span<const uint8_t> bytes, const std::string& name, int at_least, const DecodeLimits& limits = {});
LabelMap decode_labels_png(std::span<const uint8_t> bytes, const std::string& name, const DecodeLimits& limits = {});

Image read_rgb(const std::filesystem::path& path, const DecodeLimits& limits = {});
Image read_grey(const std::filesystem::path& path, const DecodeLimits& limits = {});

// The whole of a regular file; an empty one is an error.
std::vector<uint8_t> read_picture_bytes(const std::filesystem::path& path);

// Does the name end like a format that is read here (jpg, jpeg, jpe, jfif, png, bmp, dib, pbm, pgm, ppm, pnm, tga, gif)?
bool has_picture_suffix(std::string_view name);

}  // namespace purnet
