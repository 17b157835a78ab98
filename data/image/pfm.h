// Portable float map, grey, written:
//     "Pf\n", width, blank, height, "\n-1.0\n" (negative: little endian), then float32 samples, rows from the bottom up.
// Source: Debevec's page "PFM (Portable FloatMap) Format". Error: samples that are not width x height, an empty picture.
#pragma once

#include <cstdint>
#include <vector>

namespace purnet {

std::vector<uint8_t> encode_pfm(const std::vector<float>& samples, int width, int height);

}  // namespace purnet
