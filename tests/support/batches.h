// Batches of training, drawn by formula: each seed's pictures, masks and regions are others.
#pragma once

#include <cstdint>

#include "data/loader/loader.h"
#include "kernels/runtime/error.h"

namespace purnet::test {

inline Batch batch_of(int n, int h, int w, int seed) {
    Batch batch{.n = n, .h = h, .w = w};
    for (int i = 0; i < n; ++i) batch.names.push_back(concat("picture ", seed, ".", i));
    for (int i = 0; i < n * h * w; ++i) {
        const int y = i / w % h, x = i % w;
        for (int c = 0; c < 3; ++c) batch.rgb.push_back(static_cast<uint8_t>((i * (7 + seed) + c * 50 + i / 5) % 251));
        batch.mask.push_back(x > 8 + seed && x < 25 && y > 6 && y < 20 + seed ? 1.0f : 0.0f);
        batch.labels.push_back(y / 8 * (w / 8) + x / 8);
    }
    return batch;
}

}  // namespace purnet::test
