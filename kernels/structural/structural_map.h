// The map m of the structural loss, for kernels.
#pragma once

#include "kernels/tile/math.h"

namespace purnet::structural {

// The map m = sigmoid(z), or sigmoid(sigmoid(z)), 1 - m, and dm/dz.
struct MapValue {
    float inside, outside, slope;
};
__device__ __forceinline__ MapValue map_value(float z, bool second) {
    const tile::Sigmoid s = tile::sigmoid_parts(z);
    if (!second) return {s.p, s.q, s.p * s.q};
    const tile::Sigmoid t = tile::sigmoid_parts(s.p);
    return {t.p, t.q, s.p * s.q * (t.p * t.q)};
}

}  // namespace purnet::structural
