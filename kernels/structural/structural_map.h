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

// m and 1 - m of a pixel as the sums take them: the smaller one, which has all its digits, and in float64 what it leaves of 1. The contract
// says why they must add up to 1.
struct Shares {
    double inside, outside;
};
__device__ __forceinline__ Shares shares_of(float inside, float outside) {
    const double small = static_cast<double>(fminf(inside, outside)), large = 1.0 - small;
    return {inside < outside ? small : large, inside < outside ? large : small};
}

}  // namespace purnet::structural
