// Inner loops of resize_bilinear. Horizontally, sixteen rows are turned into columns first: then one weight meets sixteen neighbouring
// bytes whatever the number of channels. Sums stay below 255 * (2^22 + taps / 2) + 2^21 < 2^31, and rounding can't pass 255.
#include <stdint.h>
#include <string.h>

#include "kernels/resize/resize_bytes.h"

namespace purnet::PURNET_ISA_NAME {
namespace {

constexpr int rows_at_once = resize_detail::block_rows;
constexpr int shift = resize_detail::weight_bits;
constexpr int32_t half = 1 << (shift - 1);

// Transposes 8 x 8 bytes: row r of the block in words[r], first byte lowest.
inline void transpose8(uint64_t* words) {
    for (int i = 0; i < 8; i += 2) {
        const uint64_t t = ((words[i] >> 8) ^ words[i + 1]) & 0x00ff00ff00ff00ffu;
        words[i] ^= t << 8;
        words[i + 1] ^= t;
    }
    for (int k = 0; k < 4; ++k) {
        const int i = (k & 1) + (k & 2) * 2;  // 0 1 4 5
        const uint64_t t = ((words[i] >> 16) ^ words[i + 2]) & 0x0000ffff0000ffffu;
        words[i] ^= t << 16;
        words[i + 2] ^= t;
    }
    for (int i = 0; i < 4; ++i) {
        const uint64_t t = ((words[i] >> 32) ^ words[i + 4]) & 0x00000000ffffffffu;
        words[i] ^= t << 32;
        words[i + 4] ^= t;
    }
}

inline uint64_t load8(const uint8_t* from) {
    return static_cast<uint64_t>(from[0]) | static_cast<uint64_t>(from[1]) << 8 | static_cast<uint64_t>(from[2]) << 16 |
           static_cast<uint64_t>(from[3]) << 24 | static_cast<uint64_t>(from[4]) << 32 | static_cast<uint64_t>(from[5]) << 40 |
           static_cast<uint64_t>(from[6]) << 48 | static_cast<uint64_t>(from[7]) << 56;
}

inline void store8(uint8_t* to, uint64_t word) {
    for (int i = 0; i < 8; ++i) to[i] = static_cast<uint8_t>(word >> (8 * i));
}

// columns[i * 16 + r] = src[r * n + i]; missing rows repeat the last one.
void turn(const uint8_t* src, int rows, int64_t n, uint8_t* columns) {
    const uint8_t* row[rows_at_once];
    for (int r = 0; r < rows_at_once; ++r) row[r] = src + static_cast<int64_t>(r < rows ? r : rows - 1) * n;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int group = 0; group < rows_at_once; group += 8) {
            uint64_t words[8];
            for (int r = 0; r < 8; ++r) words[r] = load8(row[group + r] + i);
            transpose8(words);
            for (int c = 0; c < 8; ++c) store8(columns + (i + c) * rows_at_once + group, words[c]);
        }
    for (; i < n; ++i)
        for (int r = 0; r < rows_at_once; ++r) columns[i * rows_at_once + r] = row[r][i];
}

}  // namespace

void resize_block_horizontally(const uint8_t* src, int rows, int w, int channels, const resize_detail::Taps& taps, uint8_t* dst,
                               uint8_t* scratch) {
    turn(src, rows, static_cast<int64_t>(w) * channels, scratch);
    const int64_t dst_row = static_cast<int64_t>(taps.outputs) * channels;
    for (int x = 0; x < taps.outputs; ++x) {
        const int32_t* weights = taps.weights + static_cast<int64_t>(x) * taps.most;
        const int count = taps.count[x];
        for (int c = 0; c < channels; ++c) {
            const uint8_t* column = scratch + (static_cast<int64_t>(taps.first[x]) * channels + c) * rows_at_once;
            int32_t sum[rows_at_once];
            for (int r = 0; r < rows_at_once; ++r) sum[r] = half;
            for (int t = 0; t < count; ++t, column += channels * rows_at_once) {
                const int32_t weight = weights[t];
                for (int r = 0; r < rows_at_once; ++r) sum[r] += weight * column[r];
            }
            uint8_t* to = dst + static_cast<int64_t>(x) * channels + c;
            for (int r = 0; r < rows; ++r) to[r * dst_row] = static_cast<uint8_t>(sum[r] >> shift);
        }
    }
}

void resize_row_vertically(const uint8_t* src, int64_t n, int count, const int32_t* weights, uint8_t* dst) {
    constexpr int chunk = 64;
    int64_t i = 0;
    for (; i + chunk <= n; i += chunk) {
        int32_t sum[chunk];
        for (int k = 0; k < chunk; ++k) sum[k] = half;
        const uint8_t* from = src + i;
        for (int t = 0; t < count; ++t, from += n) {
            const int32_t weight = weights[t];
            for (int k = 0; k < chunk; ++k) sum[k] += weight * from[k];
        }
        for (int k = 0; k < chunk; ++k) dst[i + k] = static_cast<uint8_t>(sum[k] >> shift);
    }
    for (; i < n; ++i) {
        int32_t sum = half;
        for (int t = 0; t < count; ++t) sum += weights[t] * src[t * n + i];
        dst[i] = static_cast<uint8_t>(sum >> shift);
    }
}

}  // namespace purnet::PURNET_ISA_NAME
