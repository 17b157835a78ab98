#include "kernels/augment/augment.h"

#include <algorithm>

#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/ptx.h"
#include "kernels/tile/vector.h"

namespace purnet::augment {
namespace {

constexpr int threads = 64;
constexpr int64_t half = int64_t{1} << (place_bits - 1);

struct Sizes {
    int h, w, out_h, out_w;
    int stride;  // of changes
};

struct Colour {
    int channel[3];
};

__device__ __forceinline__ Colour colour_of(const Change& change, const uint8_t* pixel) {
    Colour colour{{pixel[0], pixel[1], pixel[2]}};
    if (!change.recolours) return colour;
#pragma unroll
    for (int& v : colour.channel) v = change.level[v];
    const int grey = (9798 * colour.channel[0] + 19235 * colour.channel[1] + 3735 * colour.channel[2] + 16384) >> 15;
#pragma unroll
    for (int& v : colour.channel) v = min(max(grey + (((v - grey) * change.saturation + 512) >> 10), 0), 255);
    return colour;
}

// Where pixel (q, p) comes from; false: from outside.
__device__ __forceinline__ bool place_of(const Sizes& s, const Change& change, int q, int p, Place& place) {
    const Place& first = reinterpret_cast<const Place*>(&change + 1)[q];
    place = {first.x + p * change.dx, first.y + p * change.dy};
    return place.x >= 0 && place.x < static_cast<int64_t>(s.w) << place_bits && place.y >= 0 &&
           place.y < static_cast<int64_t>(s.h) << place_bits;
}

// Everything of one picture. Grid (pixels of a row, rows, pictures), of whichever has more, picture or mask; a thread makes pixel (q, p) of
// the picture and, from another source where sizes differ, pixel (q, p) of mask and labels. Lanes lie along a row, so what a warp reads of
// an unturned picture lies together, of a turned one within 32 rows at most; a change's levels and places stay in the first cache. Colours
// are changed where they are read, four times a warped pixel, which costs less than a pass over the pictures. Writes of 3 bytes a lane
// fill whole sectors. Bytes: every operand once. Each output is one thread's: the same bits always.
__global__ void __launch_bounds__(threads) augment_kernel(Sizes s, const uint8_t* rgb, const uint8_t* mask, const uint16_t* labels,
                                                          const char* changes, uint8_t* out_rgb, uint8_t* out_mask, int* out_labels) {
    const int p = static_cast<int>(blockIdx.x * threads + threadIdx.x), q = static_cast<int>(blockIdx.y);
    const int64_t n = blockIdx.z, area = static_cast<int64_t>(s.h) * s.w;
    ptx::wait_for_launches();
    const Change& change = *reinterpret_cast<const Change*>(changes + n * s.stride);
    const int first = change.flip ? s.w - 1 : 0, step = change.flip ? -1 : 1;
    if (q < s.h && p < s.w) {
        const auto at = [&](int y, int x) { return colour_of(change, rgb + (n * area + y * s.w + first + x * step) * 3); };
        uint8_t* const to = out_rgb + (n * area + q * s.w + p) * 3;
        Colour colour{};
        Place place;
        if (!change.warps) {
            colour = at(q, p);
        } else if (place_of(s, change, q, p, place)) {
            const int64_t px = place.x - half, py = place.y - half;  // from the middles of pixels: down to -1/2
            const int left = static_cast<int>(px >> place_bits), above = static_cast<int>(py >> place_bits);
            const int fx = static_cast<int>(px >> (place_bits - 8)) & 255, fy = static_cast<int>(py >> (place_bits - 8)) & 255;
            const int x0 = max(left, 0), x1 = min(left + 1, s.w - 1), y0 = max(above, 0), y1 = min(above + 1, s.h - 1);
            const Colour a = at(y0, x0), b = at(y0, x1), c = at(y1, x0), d = at(y1, x1);
#pragma unroll
            for (int k = 0; k < 3; ++k) {
                const int upper = a.channel[k] * (256 - fx) + b.channel[k] * fx, lower = c.channel[k] * (256 - fx) + d.channel[k] * fx;
                colour.channel[k] = (upper * (256 - fy) + lower * fy + (1 << 15)) >> 16;
            }
        }
#pragma unroll
        for (int k = 0; k < 3; ++k) to[k] = static_cast<uint8_t>(colour.channel[k]);
    }
    if (q < s.out_h && p < s.out_w) {
        const int row = (2 * q + 1) * s.h / (2 * s.out_h), column = (2 * p + 1) * s.w / (2 * s.out_w);
        const int64_t to = n * s.out_h * s.out_w + q * s.out_w + p;
        Place place{static_cast<int64_t>(column) << place_bits, static_cast<int64_t>(row) << place_bits};
        const bool inside = !change.warps || place_of(s, change, row, column, place);
        const int64_t from = inside ? n * area + (place.y >> place_bits) * s.w + first + (place.x >> place_bits) * step : 0;
        out_mask[to] = inside ? mask[from] : uint8_t{0};
        if (labels) out_labels[to] = inside ? labels[from] : 0;
    }
}

void forward(const Problem& p, const uint8_t* rgb, const uint8_t* mask, const uint16_t* labels, const char* changes, uint8_t* out_rgb,
             uint8_t* out_mask, int32_t* out_labels, const Context& context) {
    const auto text = [&] { return concat(p.images, " pictures of ", p.h, " x ", p.w, ", masks to ", p.out_h, " x ", p.out_w); };
    const OpScope op("augment", text);
    check(p);
    require(tile::aligned_16(changes), "augment: the changes are not aligned to 16 bytes");
    const Sizes sizes{static_cast<int>(p.h), static_cast<int>(p.w), static_cast<int>(p.out_h), static_cast<int>(p.out_w),
                      static_cast<int>(change_bytes(p.h))};
    const dim3 grid{cuda::blocks_for(std::max(p.w, p.out_w), threads), static_cast<unsigned>(std::max(p.h, p.out_h)),
                    static_cast<unsigned>(p.images)};
    cuda::launch_early(augment_kernel, grid, threads, 0, cuda::stream_of(context), sizes, rgb, mask, labels, changes, out_rgb, out_mask,
                       out_labels);
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward>});
    return true;
}();

}  // namespace
}  // namespace purnet::augment
