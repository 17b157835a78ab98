#include "kernels/winograd/winograd_simd.h"

#include "kernels/winograd/transforms.h"

namespace purnet::winograd::PURNET_ISA_NAME {
namespace {

// Both passes of a square transform: rows of `from` by columns, then the result's rows. `get(r, s)` yields the value in row r,
// column s; put(r, s, value) takes the result.
template <int rows_in, int rows_out, void (*step)(const vfloat*, vfloat*), class Get, class Put>
PURNET_INLINE void two_passes(Get&& get, Put&& put) {
    vfloat half[rows_out][rows_in];
#pragma GCC unroll 8
    for (int s = 0; s < rows_in; ++s) {
        vfloat column[rows_in], result[rows_out];
#pragma GCC unroll 8
        for (int r = 0; r < rows_in; ++r) column[r] = get(r, s);
        step(column, result);
#pragma GCC unroll 8
        for (int r = 0; r < rows_out; ++r) half[r][s] = result[r];
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows_out; ++r) {
        vfloat result[rows_out];
        step(half[r], result);
#pragma GCC unroll 8
        for (int s = 0; s < rows_out; ++s) put(r, s, result[s]);
    }
}

// What transform_tiles() makes of side x side pixels.
template <int m>
struct Source : Transform<m> {
    static constexpr int side = Transform<m>::n;
    static PURNET_INLINE void step(const vfloat* d, vfloat* t) { Transform<m>::input(d, t); }
    static constexpr double factor(int, int) { return 1; }
};
template <int m>
struct OutputAdjoint : Transform<m> {
    static constexpr int side = m;
    static PURNET_INLINE void step(const vfloat* y, vfloat* t) { Transform<m>::output_adjoint(y, t); }
    static constexpr double factor(int r, int s) { return Transform<m>::fraction[r] * Transform<m>::fraction[s]; }
};

// The first pixel of a tile lies at (row - top, column - left).
template <class T>
void transform_tiles(const Image& image, const float* source, const Tile* tiles, long count, long top, long left, long dilation,
                     const float* zeros, float* to, long tile_stride, long position_stride) {
    constexpr int side = T::side, n = T::n;
    for (long t = 0; t < count; ++t) {
        const float* pixel[side][side];
        for (int r = 0; r < side; ++r)
            for (int s = 0; s < side; ++s) {
                const long i = tiles[t].row - top + r * dilation, j = tiles[t].column - left + s * dilation;
                const bool inside = i >= 0 && i < image.height && j >= 0 && j < image.width;
                pixel[r][s] = inside ? source + ((tiles[t].picture * image.height + i) * image.width + j) * image.channels : zeros;
            }
        float* at = to + t * tile_stride;
        long c = 0;
        const auto put = [&](int r, int s, vfloat v) __attribute__((always_inline)) {
            store(at + (r * n + s) * position_stride + c, v * static_cast<float>(T::factor(r, s)));
        };
        for (; c + lanes <= image.channels; c += lanes)
            two_passes<side, n, T::step>([&](int r, int s) { return load(pixel[r][s] + c); }, put);
        if (c < image.channels) {
            const int part = static_cast<int>(image.channels - c);
            two_passes<side, n, T::step>([&](int r, int s) { return load_part(pixel[r][s] + c, part); }, put);
        }
    }
}

template <int m, bool whole>
PURNET_INLINE void output_vector(const Image& image, const float* from, const Tile& tile, const Spread& spread, long position_stride,
                                 int part, const gemm::Finish& f, long column, float* out) {
    constexpr int n = Transform<m>::n;
    vfloat y[m][m];
    {
        vfloat half[m][n];
#pragma GCC unroll 8
        for (int s = 0; s < n; ++s) {
            vfloat t[n], result[m];
#pragma GCC unroll 8
            for (int r = 0; r < n; ++r) t[r] = load(from + (r * n + s) * position_stride);
            Transform<m>::output(t, result);
#pragma GCC unroll 8
            for (int r = 0; r < m; ++r) half[r][s] = result[r];
        }
#pragma GCC unroll 8
        for (int r = 0; r < m; ++r) Transform<m>::output(half[r], y[r]);
    }
    constexpr bool doubling = m == 3;
    const long parity = doubling ? column / image.channels : 0, channel = doubling ? column % image.channels : column;
    const long row = doubling ? 2 * tile.row + parity / 2 - spread.top : tile.row;
    const long first = doubling ? 2 * tile.column + parity % 2 - spread.left : tile.column;
    const vfloat bias = f.bias ? load_part(f.bias + channel, part) : vfloat{};
    const vfloat slope = broadcast(f.slope), top = broadcast(f.top);
    for (int r = 0; r < m; ++r) {
        const long i = row + r * spread.step;
        if (doubling && i < 0) continue;
        if (i >= image.height) break;
        for (int s = 0; s < m; ++s) {
            const long j = first + s * spread.step;
            if (doubling && j < 0) continue;
            if (j >= image.width) break;
            const long at = ((tile.picture * image.height + i) * image.width + j) * image.channels + channel;
            vfloat v = y[r][s] + bias;
            if (f.before) v += whole ? load(f.before + at) : load_part(f.before + at, part);
            v = v > 0 ? v : slope * v;
            v = v > top ? top : v;
            if (f.after) v += whole ? load(f.after + at) : load_part(f.after + at, part);
            if (whole)
                store(out + at, v);
            else
                store_part(out + at, v, part);
        }
    }
}

template <int m>
void output(const Image& image, const float* from, const Tile* tiles, long count, const Spread& spread, long tile_stride,
            long position_stride, long first, long last, const gemm::Finish& f, float* out) {
    for (long t = 0; t < count; ++t)
        for (long column = first; column < last; column += lanes) {
            const float* at = from + t * tile_stride + column - first;
            const int part = last - column < lanes ? static_cast<int>(last - column) : lanes;
            if (part == lanes)
                output_vector<m, true>(image, at, tiles[t], spread, position_stride, part, f, column, out);
            else
                output_vector<m, false>(image, at, tiles[t], spread, position_stride, part, f, column, out);
        }
}

template <int m>
void filter(long in, long out, long first, long columns, long width, const float* weight, long out_stride, long in_stride, long tap_stride,
            bool flipped, float* to, long position_stride) {
    constexpr int n = Transform<m>::n, taps = Transform<m>::taps;
    constexpr bool doubling = m == 3;
    for (long j = 0; j < width; j += lanes) {
        const long parity = doubling ? (first + j) / out : 0, channel = doubling ? (first + j) % out : first + j;
        const int part = columns - j < lanes ? columns - j > 0 ? static_cast<int>(columns - j) : 0 : lanes;
        for (long i = 0; i < in; ++i) {
            vfloat g[taps][taps];
            for (int tap = 0; tap < taps * taps; ++tap) {
                const long ky = parity / 2 + 2 - 2 * (tap / taps), kx = parity % 2 + 2 - 2 * (tap % taps);
                const long at = doubling ? ky * 4 + kx : flipped ? 8 - tap : tap;
                const float* from = weight + channel * out_stride + i * in_stride + at * tap_stride;
                vfloat v{};
                if (out_stride == 1)
                    v = load_part(from, part);
                else
                    for (int l = 0; l < part; ++l) v[l] = from[l * out_stride];
                g[tap / taps][tap % taps] = v;
            }
            vfloat half[n][taps];
#pragma GCC unroll 3
            for (int s = 0; s < taps; ++s) {
                vfloat column[taps];
                for (int r = 0; r < taps; ++r) column[r] = g[r][s];
                vfloat result[n];
                Transform<m>::filter(column, result);
                for (int r = 0; r < n; ++r) half[r][s] = result[r];
            }
            for (int r = 0; r < n; ++r) {
                vfloat result[n];
                Transform<m>::filter(half[r], result);
                for (int s = 0; s < n; ++s) store(to + (r * n + s) * position_stride + i * width + j, result[s]);
            }
        }
    }
}

template <int m>
void filter_adjoint(long in, const float* from, long position_stride, float* to, long tap_stride) {
    constexpr int n = Transform<m>::n, taps = Transform<m>::taps;
    for (long i = 0; i < in; i += lanes) {
        const int part = in - i < lanes ? static_cast<int>(in - i) : lanes;
        two_passes<n, taps, Transform<m>::filter_adjoint>(
            [&](int r, int s) { return load(from + (r * n + s) * position_stride + i); },
            [&](int r, int s, vfloat v) { store_part(to + (r * taps + s) * tap_stride + i, v, part); });
    }
}

}  // namespace

void winograd_input(long m, const Image& image, const float* source, const Tile* tiles, long count, long top, long left, long dilation,
                    const float* zeros, float* to, long tile_stride, long position_stride) {
    // Transform<3> reads as Transform<2> does.
    const auto run = m == 4 ? transform_tiles<Source<4>> : transform_tiles<Source<2>>;
    run(image, source, tiles, count, top, left, dilation, zeros, to, tile_stride, position_stride);
}

void winograd_output_adjoint(long m, const Image& image, const float* source, const Tile* tiles, long count, long dilation,
                             const float* zeros, float* to, long tile_stride, long position_stride) {
    const auto run = m == 4 ? transform_tiles<OutputAdjoint<4>> : transform_tiles<OutputAdjoint<2>>;
    run(image, source, tiles, count, 0, 0, dilation, zeros, to, tile_stride, position_stride);
}

void winograd_output(long m, const Image& image, const float* from, const Tile* tiles, long count, const Spread& spread, long tile_stride,
                     long position_stride, long first, long last, const gemm::Finish& finish, float* out) {
    const auto run = m == 4 ? output<4> : m == 3 ? output<3> : output<2>;
    run(image, from, tiles, count, spread, tile_stride, position_stride, first, last, finish, out);
}

void winograd_filter(long m, long in, long out, long first, long columns, long width, const float* weight, long out_stride, long in_stride,
                     long tap_stride, bool flipped, float* to, long position_stride) {
    const auto run = m == 4 ? filter<4> : m == 3 ? filter<3> : filter<2>;
    run(in, out, first, columns, width, weight, out_stride, in_stride, tap_stride, flipped, to, position_stride);
}

void winograd_filter_adjoint(long m, long in, const float* from, long position_stride, float* to, long tap_stride) {
    const auto run = m == 4 ? filter_adjoint<4> : filter_adjoint<2>;
    run(in, from, position_stride, to, tap_stride);
}

}  // namespace purnet::winograd::PURNET_ISA_NAME
