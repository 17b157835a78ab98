// Batches of training, drawn by formula: each seed's pictures, masks and regions are others.
#pragma once

#include <cstdint>

#include "data/augment/augment.h"
#include "data/loader/batch.h"
#include "kernels/augment/augment.h"
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

// The same pictures, `side` squared, before they are mirrored, turned, cropped, recoloured and brought to h x w.
inline Batch unaugmented_of(int n, int side, int h, int w, int seed) {
    const Batch plain = batch_of(n, side, side, seed);
    Batch batch{.n = n, .h = h, .w = w, .names = plain.names, .source = {.side = side, .rgb = plain.rgb}};
    for (const float value : plain.mask) batch.source.mask.push_back(static_cast<uint8_t>(value * 200));
    batch.source.labels.assign(plain.labels.begin(), plain.labels.end());
    const AugmentOptions options{.rotate = 30, .crop = 0.4, .brightness = 0.3, .contrast = 0.3, .saturation = 0.5};
    const RandomStream stream(static_cast<uint64_t>(seed), "changes");
    for (int i = 0; i < n; ++i) {
        Image rgb(side, side, 3);
        std::copy_n(plain.rgb.begin() + i * side * side * 3, rgb.pixels.size(), rgb.pixels.begin());
        RandomDraws draws(stream, 0, static_cast<uint64_t>(i));
        const size_t at = batch.source.changes.size();
        batch.source.changes.resize(at + augment::change_bytes(side));
        write_change(draw_augmentation(options, draws), side, side, count_colours(rgb), batch.source.changes.data() + at);
    }
    return batch;
}

inline Batch carried_out(Batch batch) {
    carry_out_changes(batch);
    return batch;
}

}  // namespace purnet::test
