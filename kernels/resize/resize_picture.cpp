#include "kernels/resize/resize_picture.h"

#include <algorithm>

#include "kernels/resize/resize_bytes.h"

namespace purnet::resize_picture {
namespace {

void forward(const Problem& p, const uint8_t* x, uint8_t* y, void*, const Context&) {
    check(p);
    for (int64_t n = 0; n < p.images; ++n)
        resize_bilinear(x + n * p.h * p.w * p.channels, static_cast<int>(p.h), static_cast<int>(p.w), static_cast<int>(p.channels),
                        y + n * p.out_h * p.out_w * p.channels, static_cast<int>(p.out_h), static_cast<int>(p.out_w));
}

}  // namespace

void check(const Problem& p) {
    constexpr int64_t most = 1 << 24, most_in_a_row = 1 << 30;
    const bool sides = p.h >= 1 && p.w >= 1 && p.channels >= 1 && p.out_h >= 1 && p.out_w >= 1 && p.images >= 1 && p.h <= most &&
                       p.w <= most && p.out_h <= most && p.out_w <= most;
    require(sides && p.channels <= most_in_a_row / std::max(p.w, p.out_w) && p.images <= most / std::max(p.h, p.out_h),
            "resize_picture: can't take ", p.images == 1 ? "a picture" : concat(p.images, " pictures"), " of ", p.h, " x ", p.w, " x ",
            p.channels, " to ", p.out_h, " x ", p.out_w);
}

int64_t most_taps(int64_t in, int64_t out) { return 2 * std::max<int64_t>((in + out - 1) / out, 1) + 1; }

// Of an axis: where its taps begin, how many they are, their weights; then the narrow pictures.
size_t workspace_bytes(const Problem& p) {
    const int64_t words = p.out_w * (2 + most_taps(p.w, p.out_w)) + p.out_h * (2 + most_taps(p.h, p.out_h));
    const int64_t narrow = p.h == p.out_h || p.w == p.out_w ? 0 : p.images * p.h * p.out_w * p.channels;
    return static_cast<size_t>((4 * words + 255) / 256 * 256 + narrow);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("resize_picture", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>}}});
    return kernels;
}

}  // namespace purnet::resize_picture
