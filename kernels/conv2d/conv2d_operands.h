// The operands of the implicit products: where the elements of A and B lie, tile after tile, without a division in the loop.
//
// A tile of an operand is cut into chunks of W elements that are neighbours in memory. A thread owns the same few chunks of
// every tile: `Lines` of them, in lines `step` apart. An operand lies in one of two ways (kernels/tile/matrix.h):
//     Along::k      a line is a row (or column) of the product, a chunk W neighbours along the sum      x, dy, weight of a forward
//     Along::other  a line is one term of the sum, a chunk W neighbours along the row (or column)        everything of a weight gradient
// Each operand is a class with
//     Operand(arguments, first line, step between lines, first element of the chunk)
//     width            W
//     advance(n)       the tile n terms of the sum further on
//     at(line)         where that chunk lies, or that it is padding
// What does not depend on the sum is computed by the constructor, once; advance adds and compares. W divides the number of
// channels (or is 1), so that no chunk crosses from one tap to the next.
//
// tests/emulator/operands_test.cpp compares every address with the formulas of the contract.
#pragma once

#include "kernels/conv2d/conv2d_view.h"
#include "kernels/tile/matrix.h"

namespace purnet::conv2d::implicit {

template <class T>
struct Chunk {
    const T* from;  // valid memory, also where `inside` is false
    bool inside;    // false: zeros
};

// A place in the sum over (tap row, tap column, channel), channel fastest.
struct TapWalk {
    int jy, jx, c;

    __host__ __device__ TapWalk() : jy(0), jx(0), c(0) {}
    __host__ __device__ TapWalk(int k, const View& view) {
        const int tap = k / view.channels, taps = view.x.taps > 0 ? view.x.taps : 1;
        c = k - tap * view.channels;
        jy = tap / taps;
        jx = tap - jy * taps;
    }
    __host__ __device__ void advance(int n, const View& view) {
        c += n;
        while (c >= view.channels) {
            c -= view.channels;
            if (++jx >= view.x.taps) {
                jx = 0;
                ++jy;
            }
        }
    }
};

// A place in the sum over (image, row, column) of the result.
struct PixelWalk {
    int n, p, q;

    __host__ __device__ PixelWalk() : n(0), p(0), q(0) {}
    __host__ __device__ PixelWalk(int64_t pixel, const View& view) {
        const int64_t row = pixel / view.x.places;
        q = static_cast<int>(pixel - row * view.x.places);
        n = static_cast<int>(row / view.y.places);
        p = static_cast<int>(row - static_cast<int64_t>(n) * view.y.places);
    }
    __host__ __device__ void advance(int by, const View& view) {
        q += by;
        while (q >= view.x.places) {
            q -= view.x.places;
            if (++p == view.y.places) {
                p = 0;
                ++n;
            }
        }
    }
};

// A of forward and data gradient: line = place of the result, sum over (tap, channel).
template <class T, int W, int Lines>
struct PixelsByTaps {
    static constexpr tile::Along along = tile::Along::k;
    static constexpr int width = W;
    View view;
    const T* source;
    TapWalk k;
    uint32_t base[Lines];  // number of the source pixel under tap (0, 0), modulo 2^32, since that one may lie outside
    int row[Lines], column[Lines];

    __host__ __device__ PixelsByTaps(const View& v, const T* s, int images, int64_t line, int step, int element)
        : view(v), source(s), k(element, v) {
        const int64_t places = v.places(images);
#pragma unroll
        for (int i = 0; i < Lines; ++i) {
            const int64_t place = line + i * step;
            const PixelWalk at(place, v);
            // A line beyond the last lies above every picture.
            row[i] = place < places ? at.p * v.y.scale + v.y.origin : -(1 << 30);
            column[i] = at.q * v.x.scale + v.x.origin;
            base[i] = static_cast<uint32_t>((static_cast<int64_t>(at.n) * v.h + row[i]) * v.w + column[i]);
        }
    }
    __host__ __device__ void advance(int n) { k.advance(n, view); }
    __host__ __device__ Chunk<T> at(int line) const {
        const int dy = k.jy * view.y.step, dx = k.jx * view.x.step;
        const bool inside = k.jy < view.y.taps && static_cast<unsigned>(row[line] + dy) < static_cast<unsigned>(view.h) &&
                            static_cast<unsigned>(column[line] + dx) < static_cast<unsigned>(view.w);
        const uint32_t pixel = base[line] + static_cast<uint32_t>(dy) * static_cast<uint32_t>(view.w) + static_cast<uint32_t>(dx);
        return {inside ? source + static_cast<int64_t>(pixel) * view.pixel + k.c : source, inside};
    }
};

// B of the forward: line = output channel, sum over (tap, channel), which is the order of memory.
template <class T, int W, int Lines>
struct WeightByTaps {
    static constexpr tile::Along along = tile::Along::k;
    static constexpr int width = W;
    const T* weight;
    int depth, k, left;  // left: lines from the first one to the end
    int64_t base;
    int step;

    __host__ __device__ WeightByTaps(const T* w, int depth_, int columns, int line, int step_, int element)
        : weight(w), depth(depth_), k(element), left(columns - line), base(static_cast<int64_t>(line) * depth_), step(step_) {}
    __host__ __device__ void advance(int n) { k += n; }
    __host__ __device__ Chunk<T> at(int line) const {
        const bool inside = line * step < left && k < depth;
        return {inside ? weight + base + static_cast<int64_t>(line * step) * depth + k : weight, inside};
    }
};

// B of the data gradient: line = (tap, output channel), chunk along the input channels.
template <class T, int W, int Lines>
struct TapsByWeight {
    static constexpr tile::Along along = tile::Along::other;
    static constexpr int width = W;
    View view;
    const T* weight;
    int taps, columns, column;  // taps: of the whole kernel
    TapWalk k[Lines];

    __host__ __device__ TapsByWeight(const View& v, const T* w, int taps_, int columns_, int line, int step, int element)
        : view(v), weight(w), taps(taps_), columns(columns_), column(element) {
#pragma unroll
        for (int i = 0; i < Lines; ++i) k[i] = TapWalk(line + i * step, v);
    }
    __host__ __device__ void advance(int n) {
#pragma unroll
        for (int i = 0; i < Lines; ++i) k[i].advance(n, view);
    }
    __host__ __device__ Chunk<T> at(int line) const {
        const TapWalk& at = k[line];
        const bool inside = at.jy < view.y.taps && column < columns;
        const int row = at.c * taps + view.tap(at.jy, at.jx);  // the launch refuses weights of 2^31 elements and more
        return {inside ? weight + row * columns + column : weight, inside};
    }
};

// A of the weight gradient: line = pixel of dy, chunk along its channels.
template <class T, int W, int Lines>
struct PixelsOfGradient {
    static constexpr tile::Along along = tile::Along::other;
    static constexpr int width = W;
    const T* dy;
    int64_t pixels, at_pixel;
    int pixel, rows, row, step;

    __host__ __device__ PixelsOfGradient(const T* d, int64_t pixels_, int pixel_, int rows_, int64_t line, int step_, int element)
        : dy(d), pixels(pixels_), at_pixel(line), pixel(pixel_), rows(rows_), row(element), step(step_) {}
    __host__ __device__ void advance(int n) { at_pixel += n; }
    __host__ __device__ Chunk<T> at(int line) const {
        const int64_t here = at_pixel + line * step;
        const bool inside = here < pixels && row < rows;
        return {inside ? dy + here * pixel + row : dy, inside};
    }
};

// B of the weight gradient: line = pixel of dy, chunk along the channels of x under one tap.
template <class T, int W, int Lines>
struct PixelsUnderTap {
    static constexpr tile::Along along = tile::Along::other;
    static constexpr int width = W;
    View view;
    const T* x;
    int images, dy, dx, c;
    bool column_inside;
    PixelWalk k[Lines];

    __host__ __device__ PixelsUnderTap(const View& v, const T* x_, int images_, int64_t line, int step, int element)
        : view(v), x(x_), images(images_) {
        const TapWalk tap(element, v);
        dy = v.y.origin + tap.jy * v.y.step;
        dx = v.x.origin + tap.jx * v.x.step;
        c = tap.c;
        column_inside = tap.jy < v.y.taps;
#pragma unroll
        for (int i = 0; i < Lines; ++i) k[i] = PixelWalk(line + i * step, v);
    }
    __host__ __device__ void advance(int n) {
#pragma unroll
        for (int i = 0; i < Lines; ++i) k[i].advance(n, view);
    }
    __host__ __device__ Chunk<T> at(int line) const {
        const PixelWalk& at = k[line];
        const int row = at.p * view.y.scale + dy, column = at.q * view.x.scale + dx;
        const bool inside = column_inside && at.n < images && static_cast<unsigned>(row) < static_cast<unsigned>(view.h) &&
                            static_cast<unsigned>(column) < static_cast<unsigned>(view.w);
        return {inside ? x + ((static_cast<int64_t>(at.n) * view.h + row) * view.w + column) * view.pixel + c : x, inside};
    }
};

}  // namespace purnet::conv2d::implicit
