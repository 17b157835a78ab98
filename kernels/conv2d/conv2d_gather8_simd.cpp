#include "kernels/conv2d/conv2d_gather8_simd.h"

#include <string.h>

namespace purnet::conv2d::PURNET_ISA_NAME {
namespace {

inline __attribute__((always_inline)) void copy(const uint8_t* from, uint8_t* to, long count, int) {
    memcpy(to, from, static_cast<size_t>(count));
}
inline __attribute__((always_inline)) void copy(const uint8_t* from, int16_t* to, long count, int zero) {
    for (long i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
}
inline __attribute__((always_inline)) void fill_zero(uint8_t* to, long count, int zero) { memset(to, zero, static_cast<size_t>(count)); }
inline __attribute__((always_inline)) void fill_zero(int16_t* to, long count, int) { memset(to, 0, static_cast<size_t>(count) * 2); }

template <class T>
void gather(int zero, const Grid& g, const uint8_t* source, const Piece* pieces, long piece_count, long begin, long end, char* to,
            long row_bytes) {
    long q = begin % g.columns, p = begin / g.columns % g.rows, n = begin / g.columns / g.rows;
    for (long m = begin; m < end; ++m) {
        T* at = reinterpret_cast<T*>(to);
        for (long k = 0; k < piece_count; ++k) {
            const Piece& piece = pieces[k];
            const long i = p * g.step + piece.dy, j = q * g.step + piece.dx;
            const long count = piece.pixels * piece.channels;
            const uint8_t* from = source + ((n * g.height + i) * g.width + j) * g.stride + piece.channel;
            if (i < 0 || i >= g.height) {
                fill_zero(at, count, zero);
            } else if (j >= 0 && j + piece.pixels <= g.width) {
                copy(from, at, count, zero);
            } else {
                const long left = j < 0 ? (-j < piece.pixels ? -j : piece.pixels) : 0;
                long stop = g.width - j < piece.pixels ? g.width - j : piece.pixels;
                if (stop < left) stop = left;
                fill_zero(at, left * piece.channels, zero);
                if (stop > left) copy(from + left * g.stride, at + left * piece.channels, (stop - left) * piece.channels, zero);
                fill_zero(at + stop * piece.channels, (piece.pixels - stop) * piece.channels, zero);
            }
            at += count;
        }
        memset(at, 0, static_cast<size_t>(to + row_bytes - reinterpret_cast<char*>(at)));
        to += row_bytes;
        if (++q == g.columns) {
            q = 0;
            if (++p == g.rows) p = 0, ++n;
        }
    }
}

}  // namespace

void gather_bytes(bool words, int zero, const Grid& grid, const uint8_t* source, const Piece* pieces, long piece_count, long begin,
                  long end, void* to, long row_bytes) {
    if (words)
        gather<int16_t>(zero, grid, source, pieces, piece_count, begin, end, static_cast<char*>(to), row_bytes);
    else
        gather<uint8_t>(zero, grid, source, pieces, piece_count, begin, end, static_cast<char*>(to), row_bytes);
}

}  // namespace purnet::conv2d::PURNET_ISA_NAME
