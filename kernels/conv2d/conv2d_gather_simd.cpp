#include "kernels/conv2d/conv2d_gather_simd.h"

#include "kernels/simd/vec.h"

namespace purnet::conv2d::PURNET_ISA_NAME {
namespace {

using namespace purnet::PURNET_ISA_NAME;

inline __attribute__((always_inline)) void copy(const float* from, float* to, long count) {
    long i = 0;
    for (; i + lanes <= count; i += lanes) store(to + i, load(from + i));
    if (i < count) store_part(to + i, load_part(from + i, static_cast<int>(count - i)), static_cast<int>(count - i));
}

inline __attribute__((always_inline)) void zero(float* to, long count) {
    long i = 0;
    for (; i + lanes <= count; i += lanes) store(to + i, vfloat{});
    if (i < count) store_part(to + i, vfloat{}, static_cast<int>(count - i));
}

}  // namespace

void copy_floats(const float* from, float* to, long count) { copy(from, to, count); }

void gather_rows(const Grid& g, const float* source, const Piece* pieces, long piece_count, long begin, long end, float* to,
                 long to_stride) {
    long q = begin % g.columns, p = begin / g.columns % g.rows, n = begin / g.columns / g.rows;
    for (long m = begin; m < end; ++m) {
        float* at = to;
        for (long k = 0; k < piece_count; ++k) {
            const Piece& piece = pieces[k];
            const long i = p * g.step + piece.dy, j = q * g.step + piece.dx;
            const long count = piece.pixels * piece.channels;
            const float* from = source + ((n * g.height + i) * g.width + j) * g.stride + piece.channel;
            if (i < 0 || i >= g.height) {
                zero(at, count);
            } else if (j >= 0 && j + piece.pixels <= g.width) {
                copy(from, at, count);
            } else {
                const long left = j < 0 ? (-j < piece.pixels ? -j : piece.pixels) : 0;
                long stop = g.width - j < piece.pixels ? g.width - j : piece.pixels;
                if (stop < left) stop = left;
                zero(at, left * piece.channels);
                if (stop > left) copy(from + left * g.stride, at + left * piece.channels, (stop - left) * piece.channels);
                zero(at + stop * piece.channels, (piece.pixels - stop) * piece.channels);
            }
            at += count;
        }
        to += to_stride;
        if (++q == g.columns) {
            q = 0;
            if (++p == g.rows) p = 0, ++n;
        }
    }
}

}  // namespace purnet::conv2d::PURNET_ISA_NAME
