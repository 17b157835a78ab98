// The three directions of a convolution as products C (rows x columns) = A (rows x depth) B (depth x columns), one for each group
// and phase; nothing but tiles of A and B is ever laid out in memory.
//
//     forward           row = output pixel (n,p,q)           depth = (ky,kx,i)       column = o
//     data gradient     row = input pixel (n,h,w) of a phase  depth = (ky,kx,o)       column = i
//     weight gradient   row = o                              depth = pixel (n,p,q)   column = (ky,kx,i)
//
// A product is a class with
//     select(z)                          of which group (and phase) the rest speaks
//     rows(), columns(), depth()
//     a<W, Lines>(...), b<W, Lines>(...) the operands (conv2d_operands.h)
//     row_at(row), put<N>(...)           where a row of C lies, and N neighbours of it to their place; they are then as put, but for
//                                        the rounding
//     has_moments                        whether `moments` may ask for those of the result (conv2d_moments.h)
// Both kernels (conv2d_tile.h in float32, conv2d_mma.h on tensor cores) take any of them.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_operands.h"
#include "kernels/tile/epilogue.h"

namespace purnet::conv2d::implicit {

// Forward, and data gradient by phases. Both take an epilogue: the data gradient is the forward of a transposed convolution.
template <class T, bool Forward>
struct Correlation {
    using Element = T;
    static constexpr bool has_moments = Forward;
    Problem32 p;
    const T* source;
    const T* weight;
    tile::Epilogue<T> epilogue;
    T* out;
    bool vectors;    // the result, and what the epilogue adds to it, may be taken in vectors
    float* moments;  // null: not wanted; of one group alone
    View view;
    int group;

    // Channels of one group that are summed, and that are written.
    __host__ __device__ int summed() const { return (Forward ? p.c : p.o) / p.groups; }
    __host__ __device__ int columns() const { return (Forward ? p.o : p.c) / p.groups; }
    __host__ __device__ static int products(const Problem32& p) { return Forward ? p.groups : p.groups * p.stride * p.stride; }

    __host__ __device__ void select(int z) {
        const int phases = Forward ? 1 : p.stride * p.stride, phase = z % phases;
        group = z / phases;
        if (Forward) {
            view.y = forward_axis(p.out_h, p.kh, p.stride, p.top, p.dilation);
            view.x = forward_axis(p.out_w, p.kw, p.stride, p.left, p.dilation);
            view.h = p.h, view.w = p.w, view.pixel = p.c;
        } else {
            view.y = phase_axis(phase / p.stride, p.h, p.kh, p.stride, p.top, p.dilation);
            view.x = phase_axis(phase % p.stride, p.w, p.kw, p.stride, p.left, p.dilation);
            view.h = p.out_h, view.w = p.out_w, view.pixel = p.o;
        }
        view.channels = summed();
        view.kernel_columns = p.kw;
    }
    __host__ __device__ int64_t rows() const { return view.places(p.n); }
    __host__ __device__ int depth() const { return view.depth(); }

    template <int W, int Lines>
    __host__ __device__ auto a(int64_t row, int k, int line, int step, int element) const {
        return PixelsByTaps<T, W, Lines>(view, source + group * summed(), p.n, row + line, step, k + element);
    }
    template <int W, int Lines>
    __host__ __device__ auto b(int column, int k, int line, int step, int element) const {
        const T* own = weight + static_cast<int64_t>(group) * p.o / p.groups * p.kh * p.kw * (p.c / p.groups);
        if constexpr (Forward)
            return WeightByTaps<T, W, Lines>(own, depth(), columns(), column + line, step, k + element);
        else
            return TapsByWeight<T, W, Lines>(view, own, p.kh * p.kw, columns(), k + line, step, column + element);
    }

    // The first column of that row in `out`; negative beyond the last row.
    __device__ int64_t row_at(int64_t row) const {
        if (row >= rows()) return -1;
        const PixelWalk at(row, view);
        const int h = at.p * view.y.out_scale + view.y.out, w = at.q * view.x.out_scale + view.x.out;
        const int all_h = Forward ? p.out_h : p.h, all_w = Forward ? p.out_w : p.w, all = Forward ? p.o : p.c;
        return ((static_cast<int64_t>(at.n) * all_h + h) * all_w + w) * all + group * columns();
    }
    template <int N>
    __device__ void put(int64_t row_at, int column, float (&v)[N]) const {
        tile::finish_row(out, row_at + column, group * columns() + column, v, columns() - column, vectors, epilogue);
    }
};

template <class T>
struct WeightGradient {
    static constexpr bool has_moments = false;
    Problem32 p;
    const T* x;
    const T* dy;
    float* out;
    bool vectors;
    View view;
    int group;

    __host__ __device__ static int products(const Problem32& p) { return p.groups; }
    __host__ __device__ void select(int z) {
        group = z;
        view.y = forward_axis(p.out_h, p.kh, p.stride, p.top, p.dilation);
        view.x = forward_axis(p.out_w, p.kw, p.stride, p.left, p.dilation);
        view.h = p.h, view.w = p.w, view.pixel = p.c;
        view.channels = p.c / p.groups;
        view.kernel_columns = p.kw;
    }
    __host__ __device__ int64_t rows() const { return p.o / p.groups; }
    __host__ __device__ int columns() const { return view.depth(); }
    __host__ __device__ int depth() const { return static_cast<int>(view.places(p.n)); }

    template <int W, int Lines>
    __host__ __device__ auto a(int64_t row, int k, int line, int step, int element) const {
        return PixelsOfGradient<T, W, Lines>(dy + group * rows(), depth(), p.o, static_cast<int>(rows()), k + line, step,
                                             static_cast<int>(row) + element);
    }
    template <int W, int Lines>
    __host__ __device__ auto b(int column, int k, int line, int step, int element) const {
        return PixelsUnderTap<T, W, Lines>(view, x + group * view.channels, p.n, k + line, step, column + element);
    }
    __device__ int64_t row_at(int64_t row) const { return row < rows() ? (group * rows() + row) * columns() : -1; }
    template <int N>
    __device__ void put(int64_t row_at, int column, float (&v)[N]) const {
        tile::put_row(out + row_at + column, v, columns() - column, vectors);
    }
};

}  // namespace purnet::conv2d::implicit
