// What the readers of single formats share. Internal to data/image. Their errors leave out the file's name: decode.cpp puts it in front.
#pragma once

#include <cstdint>
#include <span>

#include "data/image/decode.h"
#include "data/image/image.h"
#include "kernels/runtime/error.h"

namespace purnet::codec {

using Bytes = std::span<const uint8_t>;

enum class Want { rgb, grey };
inline int channels_of(Want want) { return want == Want::rgb ? 3 : 1; }

// at_least above 0: see decode_rgb_reduced.
Image decode_jpeg(Bytes bytes, Want want, const DecodeLimits& limits, int at_least = 0);
Image decode_png(Bytes bytes, Want want, const DecodeLimits& limits);
LabelMap decode_png_values(Bytes bytes, const DecodeLimits& limits);
Image decode_pnm(Bytes bytes, Want want, const DecodeLimits& limits);
enum class StbFormat { bmp, tga, gif };
Image decode_stb(Bytes bytes, StbFormat format, Want want, const DecodeLimits& limits);

void check_size(int64_t width, int64_t height, const DecodeLimits& limits);

// Declared more than `bytes` can hold: each byte of the file stands for at most `most` bytes (or pixels) of the picture.
void check_plausible(int64_t declared, int64_t most, Bytes bytes, int64_t width, int64_t height);

inline uint8_t grey_of(int r, int g, int b) { return static_cast<uint8_t>((9798 * r + 19235 * g + 3735 * b + 16384) >> 15); }

// Rounded product of two samples over 255.
inline int over_255(int product) { return (product + 128 + ((product + 128) >> 8)) >> 8; }
inline uint8_t on_white(int sample, int alpha) { return static_cast<uint8_t>(over_255(sample * alpha + 255 * (255 - alpha))); }

// `count` pixels of 1 (grey), 2 (grey, alpha), 3 or 4 channels into the wanted form.
void convert_row(const uint8_t* from, int channels, int count, Want want, uint8_t* to);

// EXIF orientation 1..8 of a TIFF block ("II*\0..." or "MM\0*..."); 1 when absent or malformed.
int exif_orientation(Bytes tiff);

// Takes rows from the top of the stored picture and puts them where the EXIF orientation says. Rows of turned pictures are gathered
// by sixteen, so that the writes down the columns stay inside cache lines. Its methods neither allocate nor throw: they may run
// between setjmp and longjmp.
class OrientedRows {
public:
    OrientedRows(int stored_width, int stored_height, int channels, int orientation);

    uint8_t* next() { return turned_ ? buffer_.data() + static_cast<size_t>(held_) * row_size_ : image_.row(taken_); }
    void commit();
    Image take() { return std::move(image_); }

private:
    void flush();

    int width_, height_, channels_, orientation_;
    bool turned_;
    size_t row_size_;
    int taken_ = 0, held_ = 0;
    std::vector<uint8_t> buffer_;
    Image image_;
};

}  // namespace purnet::codec
