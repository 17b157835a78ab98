#include <algorithm>
#include <cstring>
#include <utility>

#include "data/image/codec.h"

namespace purnet::codec {
namespace {

constexpr int rows_held = 16;

uint32_t read16(Bytes bytes, size_t at, bool big) {
    return big ? static_cast<uint32_t>(bytes[at] << 8 | bytes[at + 1]) : static_cast<uint32_t>(bytes[at + 1] << 8 | bytes[at]);
}
uint32_t read32(Bytes bytes, size_t at, bool big) {
    const uint32_t first = read16(bytes, at, big), second = read16(bytes, at + 2, big);
    return big ? first << 16 | second : second << 16 | first;
}

}  // namespace

int exif_orientation(Bytes tiff) {
    if (tiff.size() < 14) return 1;
    const bool big = tiff[0] == 'M' && tiff[1] == 'M';
    if (!big && !(tiff[0] == 'I' && tiff[1] == 'I')) return 1;
    if (read16(tiff, 2, big) != 42) return 1;
    const size_t directory = read32(tiff, 4, big);
    if (directory > tiff.size() - 2) return 1;
    const size_t entries = read16(tiff, directory, big);
    for (size_t i = 0; i < entries; ++i) {
        const size_t at = directory + 2 + 12 * i;
        if (at + 12 > tiff.size()) return 1;
        if (read16(tiff, at, big) != 0x0112) continue;
        const uint32_t value = read16(tiff, at + 8, big);  // type SHORT, count 1: the value stands in the entry itself
        return read16(tiff, at + 2, big) == 3 && value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
    return 1;
}

OrientedRows::OrientedRows(int stored_width, int stored_height, int channels, int orientation)
    : width_(stored_width),
      height_(stored_height),
      channels_(channels),
      orientation_(orientation),
      turned_(orientation != 1),
      row_size_(static_cast<size_t>(stored_width) * static_cast<size_t>(channels)) {
    if (turned_) buffer_.resize(row_size_ * static_cast<size_t>(std::min(rows_held, stored_height)));
    image_ = orientation >= 5 ? Image(stored_height, stored_width, channels) : Image(stored_width, stored_height, channels);
}

void OrientedRows::commit() {
    ++taken_;
    if (!turned_) return;
    ++held_;
    if (held_ == rows_held || taken_ == height_) flush();
}

// 2 mirrored, 3 turned by 180, 4 upside down, 5 transposed, 6 to be turned clockwise, 7 transposed on the other diagonal, 8 anticlockwise
void OrientedRows::flush() {
    const size_t pixel = static_cast<size_t>(channels_);
    const int first = taken_ - held_;
    if (orientation_ < 5) {
        for (int r = 0; r < held_; ++r) {
            const uint8_t* from = buffer_.data() + static_cast<size_t>(r) * row_size_;
            uint8_t* to = image_.row(orientation_ == 2 ? first + r : height_ - 1 - first - r);
            if (orientation_ == 4) {
                std::memcpy(to, from, row_size_);
                continue;
            }
            for (int x = 0; x < width_; ++x)
                for (size_t c = 0; c < pixel; ++c)
                    to[static_cast<size_t>(width_ - 1 - x) * pixel + c] = from[static_cast<size_t>(x) * pixel + c];
        }
    } else {
        const bool from_right = orientation_ == 6 || orientation_ == 7, from_below = orientation_ == 7 || orientation_ == 8;
        for (int x = 0; x < width_; ++x) {
            uint8_t* to = image_.row(from_below ? width_ - 1 - x : x);
            for (int r = 0; r < held_; ++r) {
                const int column = from_right ? height_ - 1 - first - r : first + r;
                const uint8_t* from = buffer_.data() + static_cast<size_t>(r) * row_size_ + static_cast<size_t>(x) * pixel;
                for (size_t c = 0; c < pixel; ++c) to[static_cast<size_t>(column) * pixel + c] = from[c];
            }
        }
    }
    held_ = 0;
}

}  // namespace purnet::codec
