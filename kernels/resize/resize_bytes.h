// Pictures and maps to another size. One picture: rows from the top, channels interleaved, no gaps between rows.
//
// resize_bilinear   bytes [h, w, channels] -> [out_h, out_w, channels], equal to the bilinear filter of Pillow (to 12) bit for bit: along
// each axis,
//                   first horizontally, output i is the mean of the inputs under a triangle around c = (i + 1/2) s, s = in / out, of half
//                   width max(s, 1) (so shrinking is anti-aliased), normalised; weights are rounded to 22 fractional bits, and
//                   the result of each axis to a byte. An axis that keeps its size is copied.
//                   Pillow 13 goes vertically first where the height shrinks much more than the width, which moves some bytes by one.
//                   Work: about 2 max(s, 1) multiplications an output sample and axis.
// resize_nearest    source = floor((i + 1/2) in / out), in exact integer arithmetic: masks, region labels.
// resize_map        float32 [h, w] -> [out_h, out_w], bilinear between half-pixel centres, edges repeated, no anti-aliasing: what takes a
// predicted map
//                   to its picture's size. map_to_bytes and map_to_words also turn 0..1 into 0..255 or 0..65535, rounded, clamped, NaN to
//                   0, row by row, so that a huge picture needs no float map.
// Sources: the separable filter is described in Pillow's documentation ("Filters"); half-pixel centres in ONNX, operator Resize.
//
// Shapes are at least 1 x 1 (Error else); src and dst don't overlap. Big pictures are shared among the threads of parallel_for; the result
// doesn't depend on their number nor on the instruction set.
#pragma once

#include <cstdint>

#include "kernels/runtime/isa.h"

namespace purnet {

void resize_bilinear(const uint8_t* src, int h, int w, int channels, uint8_t* dst, int out_h, int out_w);

void resize_nearest(const uint8_t* src, int h, int w, int channels, uint8_t* dst, int out_h, int out_w);
void resize_nearest(const uint16_t* src, int h, int w, int channels, uint16_t* dst, int out_h, int out_w);
void resize_nearest(const int32_t* src, int h, int w, int channels, int32_t* dst, int out_h, int out_w);

void resize_map(const float* src, int h, int w, float* dst, int out_h, int out_w);
void map_to_bytes(const float* src, int h, int w, uint8_t* dst, int out_h, int out_w);
void map_to_words(const float* src, int h, int w, uint16_t* dst, int out_h, int out_w);

namespace resize_detail {

inline constexpr int weight_bits = 22;
inline constexpr int block_rows = 16;

// One axis: output i reads `count[i]` inputs from `first[i]` with weights[i * most ..].
struct Taps {
    const int32_t* first;
    const int32_t* count;
    const int32_t* weights;
    int most;
    int outputs;
};

}  // namespace resize_detail

PURNET_SIMD(
    // Up to block_rows rows at once; scratch holds block_rows * w * channels bytes.
    void resize_block_horizontally(const uint8_t* src, int rows, int w, int channels, const resize_detail::Taps& taps, uint8_t* dst,
                                   uint8_t* scratch);
    // dst[i] = sum over t of weights[t] * src[t * n + i], rounded.
    void resize_row_vertically(const uint8_t* src, int64_t n, int count, const int32_t* weights, uint8_t* dst);)

}  // namespace purnet
