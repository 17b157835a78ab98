#include "kernels/overlap/overlap.h"

#include "kernels/overlap/overlap_blocks.h"
#include "kernels/overlap/overlap_simd.h"

namespace purnet::overlap {
namespace {

// body(place of the block, first pixel, last pixel) for the blocks of every image.
template <class Body>
void for_image_blocks(const Problem& p, Body&& body) {
    const Partition blocks = blocks_of(p);
    for_blocks(Partition{p.images * blocks.blocks, p.images * blocks.blocks}, [&](int64_t place, int64_t, int64_t) {
        const int64_t image = place / blocks.blocks, block = place % blocks.blocks;
        body(place, image * p.pixels + blocks.begin(block), image * p.pixels + blocks.end(block));
    });
}

void forward(const Problem& p, const float* z, const float* g, float* loss, float* dz, void* workspace, const Context&) {
    auto* sums = static_cast<Sums*>(workspace);  // of each block
    const auto sums_of = PURNET_PICK(sums_of_range);
    const auto gradient_of = PURNET_PICK(gradient_of_range);
    const int64_t blocks = blocks_of(p).blocks;
    const double images = static_cast<double>(p.images);
    for_image_blocks(p, [&](int64_t place, int64_t begin, int64_t end) { sums[place] = sums_of(z + begin, g + begin, end - begin); });
    double total = 0;
    for (int64_t n = 0; n < p.images; ++n) {
        Sums& image = sums[n * blocks];
        for (int64_t b = 1; b < blocks; ++b) {
            image.both += sums[n * blocks + b].both;
            image.either += sums[n * blocks + b].either;
        }
        total += 1 - (image.both + 1) / (image.either + 1);
    }
    *loss = static_cast<float>(total / images);
    if (!dz) return;
    for_image_blocks(p, [&](int64_t place, int64_t begin, int64_t end) {
        const Sums& image = sums[place / blocks * blocks];
        const double whole = image.either + 1;
        const auto inside = static_cast<float>(-1 / (whole * images));
        const auto outside = static_cast<float>((image.both + 1) / (whole * whole * images));
        gradient_of(inside, outside, z + begin, g + begin, dz + begin, end - begin);
    });
}

}  // namespace

size_t workspace_bytes(const Problem& p) { return static_cast<size_t>(p.images * blocks_of(p).blocks) * sizeof(Sums); }

Table<Kernels>& table() {
    static Table<Kernels> kernels("overlap", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>}}});
    return kernels;
}

}  // namespace purnet::overlap
