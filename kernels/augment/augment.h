// Random changes of a batch of training pictures, carried out: what the host has drawn for each picture is a change (below), and this op
// makes of pictures, masks and region labels of one size what the network learns from. All of it is integer arithmetic, so the twins agree
// to the bit, and with them a run whose pictures are changed on the host with one whose pictures are changed on a device.
//
// Of picture n, with its change, first colours, then the mirror:
//     v_c       = level[rgb[n, y, x, c]],   grey = (9798 v_0 + 19235 v_1 + 3735 v_2 + 2^14) >> 15
//     C(y, x)_c = clamp(grey + ((v_c - grey) saturation + 2^9 >> 10), 0, 255) where the change recolours, else rgb[n, y, x, c]
//     M(y, x)   = C(y, flip ? w - 1 - x : x), and so for mask and labels
// then where pixel (q, p) comes from, in units of 2^-20 pixels from the picture's upper left corner:
//     (X, Y)    = place[q] + p (dx, dy) where the change warps, else the middle of (q, p)
//     changed   outside of [0, w) x [0, h): 0. Picture: M bilinear between the middles of pixels, edges repeated, weights of 8 bits,
//               rounded once. Mask and labels: M of the pixel that (X, Y) falls into.
// The picture keeps its size. Mask and labels come out at out_h x out_w, where pixel i of an axis shows pixel floor((i + 1/2) in / out) of
// what is changed; resize_picture (kernels/resize) takes the picture there.
//
// rgb: bytes [images, h, w, 3]; mask: bytes [images, h, w]; labels: 16 bits [images, h, w], null for none; changes: bytes [images,
// change_bytes(h)]. -> out_rgb: bytes as rgb; out_mask: bytes [images, out_h, out_w]; out_labels: int32 of that shape, null where labels
// is. Outputs are overwritten whole; nothing aliases. No derivative: bytes are data. The table's key says float32 for the lack of an
// activation. Bytes: every operand once. Integer operations: about 160 a pixel that is warped and recoloured. Workspace: none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/runtime/table.h"

namespace purnet::augment {

// In memory a change is this, followed by the places of rows 0 to h - 1. Beginnings are aligned to 16 bytes.
struct Change {
    int32_t flip;        // 0 or 1, so the next two
    int32_t warps;       // else dx, dy and the places are not read
    int32_t recolours;   // else saturation and level are not read
    int32_t saturation;  // 1024: as it is; at most 4096
    int64_t dx, dy;
    uint8_t level[256];
};
struct Place {
    int64_t x, y;
};
static_assert(sizeof(Change) % sizeof(Place) == 0);
constexpr size_t change_bytes(int64_t h) { return sizeof(Change) + static_cast<size_t>(h) * sizeof(Place); }

inline constexpr int place_bits = 20;

struct Problem {
    int64_t images = 1;
    int64_t h = 1, w = 1;
    int64_t out_h = 1, out_w = 1;
};

struct Kernels {
    void (*forward)(const Problem&, const void* rgb, const void* mask, const void* labels, const void* changes, void* out_rgb,
                    void* out_mask, void* out_labels, const Context&) = nullptr;
};

Table<Kernels>& table();
// Error: sizes below 1 or beyond 16384 pixels a side, 65535 pictures or 2^31 pixels.
void check(const Problem&);

}  // namespace purnet::augment
