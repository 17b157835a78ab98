// Convolutions of few channels as products for tensor cores: a row of taps is one run of elements.
//
// Matrix instructions want their operands in chunks of 8 channels, and a picture has 3. But in NHWC the pixels under a row of kW
// neighbouring taps are neighbours in memory: kW C elements in a row, 21 of the stem's 7 x 7. So the sum runs over (tap row, element of
// the run) in place of (tap row, tap column, channel), in the same order, and the product is
//
//     forward           row = output pixel (n,p,q)   depth = (ky, e)          column = o
//     weight gradient   row = o                      depth = pixel (n,p,q)    column = (ky, e)
//
// with e = 0 .. length - 1. The run of output pixel (n,p,q) under tap row ky begins at element
//     ((n H + p s - top + ky d) W + q s - left) C - lead
// and is copied two elements at a time, the least that cp.async takes: `lead`, 0 or 1, makes that place even, and `length` is kW C + lead
// rounded up. s C and W C are even, so that each pair lies on one side of the picture's edge and is copied, or is zero, as a whole.
//
// The elements of a run that belong to no tap, at most one in front and one behind, meet weights of zero. So a value that is not finite
// makes the outputs not finite (NaN) whose windows end one pixel beside it, too.
#pragma once

#include <climits>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_grid.h"

namespace purnet::conv2d::implicit {

struct Runs {
    int lead = 0;    // elements in front of the first tap's
    int used = 0;    // kW C
    int length = 0;  // even
};

inline Runs runs_of(const Problem& p) {
    const int lead = static_cast<int>(p.pads.left * p.c % 2), used = static_cast<int>(p.kw * p.c);
    return {lead, used, (lead + used + 1) / 2 * 2};
}

// Whether a pass of bf16 operands, x aligned to 4 bytes and dy to 16, goes this way. Not where channels come in eights, and not the data
// gradient, whose source is dy.
inline bool takes_runs(const Problem& p, Pass pass) {
    if (pass == Pass::backward_data || p.groups != 1 || p.c % 8 == 0 || (p.dilation != 1 && p.kw != 1)) return false;
    return p.stride * p.c % 2 == 0 && p.w * p.c % 2 == 0 && p.w * p.c < INT_MAX && (pass == Pass::forward || p.o % 8 == 0);
}

inline Grid runs_grid(const Problem& p, Pass pass, TileSize tile = {}) {
    const int64_t pixels = p.n * p.out_h() * p.out_w(), depth = p.kh * runs_of(p).length;
    return pass == Pass::forward ? grid_of(pixels, p.o, depth, 1, tile) : grid_of(p.o, depth, pixels, 1, tile);
}

}  // namespace purnet::conv2d::implicit
