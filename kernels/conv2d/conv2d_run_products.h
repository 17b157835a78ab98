// The products of conv2d_runs.h and their operands, for conv2d_mma.h.
//
// A warp's lanes lie along one run, and a thread's chunks are of many lines: their pixels are walked from one to the next, the same
// way in all lanes, where other operands keep a place for each line in registers. In place of at(line) such an operand has
//     cursor()             the first of the thread's lines in this tile
//     cursor.chunk()       where its chunk lies; cursor.next(): the line `step` further
#pragma once

#include "kernels/conv2d/conv2d_products.h"
#include "kernels/conv2d/conv2d_runs.h"

namespace purnet::conv2d::implicit {

// Element (tap row, element of the run) of the runs of pixels.
template <class T>
struct RunSource {
    const T* x;
    int images, h, row_elements;               // W C
    int row_scale, row_origin, element_scale;  // from pixel (p, q) to row and first element
    int tap_step, taps, length;
    int jy, element;     // the place in the sum
    int element_origin;  // of element 0

    __host__ __device__ RunSource(const View& view, const Runs& runs, const T* source, int images_, int place)
        : x(source),
          images(images_),
          h(view.h),
          row_elements(view.w * view.pixel),
          row_scale(view.y.scale),
          row_origin(view.y.origin),
          element_scale(view.x.scale * view.pixel),
          tap_step(view.y.step),
          taps(view.y.taps),
          length(runs.length),
          jy(place / runs.length),
          element(place % runs.length),
          element_origin(view.x.origin * view.pixel - runs.lead) {}
    __host__ __device__ void advance(int n) {
        element += n;
        while (element >= length) {
            element -= length;
            ++jy;
        }
    }
    __host__ __device__ Chunk<T> at(const PixelWalk& pixel) const {
        const int row = pixel.p * row_scale + row_origin + jy * tap_step;
        const int first = pixel.q * element_scale + element_origin + element;
        const bool inside = jy < taps && pixel.n < images && static_cast<unsigned>(row) < static_cast<unsigned>(h) &&
                            static_cast<unsigned>(first) < static_cast<unsigned>(row_elements);
        return {inside ? x + (static_cast<int64_t>(pixel.n) * h + row) * row_elements + first : x, inside};
    }
};

template <class T>
struct RunCursor {
    const RunSource<T>& source;
    const View& view;
    PixelWalk pixel;
    int step;

    __host__ __device__ Chunk<T> chunk() const { return source.at(pixel); }
    __host__ __device__ void next() { pixel.advance(step, view); }
};

// A of the forward: line = output pixel, sum over (tap row, element).
template <class T>
struct PixelsByRuns {
    static constexpr tile::Along along = tile::Along::k;
    static constexpr int width = 2;
    View view;
    RunSource<T> source;
    PixelWalk first;
    int step;

    __host__ __device__ PixelsByRuns(const View& v, const Runs& runs, const T* x, int images, int64_t line, int step_, int place)
        : view(v), source(v, runs, x, images, place), first(line, v), step(step_) {}
    __host__ __device__ void advance(int n) { source.advance(n); }
    __host__ __device__ RunCursor<T> cursor() const { return {source, view, first, step}; }
};

// B of the weight gradient: line = pixel of dy, chunk along the run under one tap row.
template <class T>
struct PixelsUnderRuns {
    static constexpr tile::Along along = tile::Along::other;
    static constexpr int width = 2;
    View view;
    RunSource<T> source;
    PixelWalk first;
    int step;

    __host__ __device__ PixelsUnderRuns(const View& v, const Runs& runs, const T* x, int images, int64_t line, int step_, int place)
        : view(v), source(v, runs, x, images, place), first(line, v), step(step_) {}
    __host__ __device__ void advance(int n) { first.advance(n, view); }
    __host__ __device__ RunCursor<T> cursor() const { return {source, view, first, step}; }
};

// B of the forward: line = output channel, sum over (tap row, element); zero for elements of no tap. Single elements: the run of a tap
// row begins at any place in memory.
template <class T>
struct WeightByRuns {
    static constexpr tile::Along along = tile::Along::k;
    static constexpr int width = 1;
    const T* weight;
    Runs runs;
    int taps, left, jy, element, step, depth;  // left: lines from the first one to the end; depth: elements of one channel's weights
    int64_t base;

    __host__ __device__ WeightByRuns(const T* w, const Runs& r, int taps_, int columns, int line, int step_, int place)
        : weight(w),
          runs(r),
          taps(taps_),
          left(columns - line),
          jy(place / r.length),
          element(place % r.length),
          step(step_),
          depth(taps_ * r.used),
          base(static_cast<int64_t>(line) * depth) {}
    __host__ __device__ void advance(int n) {
        element += n;
        while (element >= runs.length) {
            element -= runs.length;
            ++jy;
        }
    }
    __host__ __device__ Chunk<T> at(int line) const {
        const int own = element - runs.lead;
        const bool inside = line * step < left && jy < taps && static_cast<unsigned>(own) < static_cast<unsigned>(runs.used);
        return {inside ? weight + base + static_cast<int64_t>(line * step) * depth + jy * runs.used + own : weight, inside};
    }
};

template <class T>
struct RunCorrelation : Correlation<T, true> {
    Runs runs;

    __host__ __device__ int depth() const { return this->p.kh * runs.length; }
    template <int, int>
    __host__ __device__ auto a(int64_t row, int k, int line, int step, int element) const {
        return PixelsByRuns<T>(this->view, runs, this->source, this->p.n, row + line, step, k + element);
    }
    template <int, int>
    __host__ __device__ auto b(int column, int k, int line, int step, int element) const {
        return WeightByRuns<T>(this->weight, runs, this->p.kh, this->columns(), column + line, step, k + element);
    }
};

template <class T>
struct RunWeightGradient : WeightGradient<T> {
    Runs runs;

    __host__ __device__ int columns() const { return this->p.kh * runs.length; }
    template <int, int>
    __host__ __device__ auto b(int column, int k, int line, int step, int element) const {
        return PixelsUnderRuns<T>(this->view, runs, this->x, this->p.n, k + line, step, column + element);
    }
    template <int N>
    __device__ void put(int64_t row_at, int column, float (&v)[N]) const {
        for (int i = 0; i < N; ++i) {
            const int tap = (column + i) / runs.length, own = (column + i) % runs.length - runs.lead;
            if (tap < this->p.kh && static_cast<unsigned>(own) < static_cast<unsigned>(runs.used))
                this->out[row_at + tap * runs.used + own] = v[i];
        }
    }
};

}  // namespace purnet::conv2d::implicit
