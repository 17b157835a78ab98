// What makes pictures alike however they were stored: re-encoded, scaled, a little brighter or mirrored copies are found by comparing
// 300 bytes a picture.
//
// The picture is shrunk to 32 x 32 grey values g. Its cosine transform
//     F(u, v) = sum over x, y of g(x, y) cos(pi u (x + 1/2) / 32) cos(pi v (y + 1/2) / 32)
// gives 63 bits: the signs of F(u, v) for u, v in 0..7 but (0, 0). Mirroring changes the sign of odd u. Where at most `most_bits` bits
// differ, the correlation r of the two pictures at 16 x 16 decides, which photographs of different things hardly ever share. Pictures
// of nearly one colour (standard deviation below 2 grey levels at 16 x 16) are like nothing but their exact copies.
// Measured on DUTS-TR (10,553 pictures, the 48 most alike pairs looked at): the true near-duplicates differ in 0 to 9 bits with r of 0.957
// and more; different pictures reach 0.951 at 14 bits and more, and 0.934 at 11. So the usual limits are 12 bits and r of 0.95.
// Source: Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1, for hashes from the DCT.
#pragma once

#include <array>
#include <cstdint>

#include "data/image/image.h"

namespace purnet {

struct Signature {
    uint64_t content = 0;  // hash of size and pixels: equal for exact copies
    uint64_t signs = 0;    // bit 8 v + u
    bool flat = false;
    std::array<int8_t, 256> small{};  // 16 x 16, mean 0, of one length

    bool same(const Signature& other) const { return content == other.content && signs == other.signs && small == other.small; }
};

// Error: no picture, or neither grey nor RGB.
Signature signature_of(const Image& image);

struct Likeness {
    double correlation = 0;  // -1 .. 1; 0 when the hashes are too far apart
    bool mirrored = false;
};

inline constexpr int most_bits = 12;

// The better of both directions.
Likeness likeness(const Signature& a, const Signature& b);

// The correlation from which pictures count as near-duplicates where nobody says otherwise.
inline constexpr double usual_near = 0.95;

// 64 bits of bytes. Not for adversaries.
uint64_t content_hash(const void* bytes, size_t count, uint64_t seed = 0);

}  // namespace purnet
