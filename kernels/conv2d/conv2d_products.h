// The three directions of a convolution as products C (rows x columns) = A (rows x depth) B (depth x columns), one for each group
// and phase; nothing but tiles of A and B is ever laid out in memory.
//
//     forward           row = output pixel (n,p,q)           depth = (ky,kx,i)       column = o
//     data gradient     row = input pixel (n,h,w) of a phase  depth = (ky,kx,o)       column = i
//     weight gradient   row = o                              depth = pixel (n,p,q)   column = (ky,kx,i)
//
// A product is a class with
//     select(z)                          of which group (and phase) the rest speaks
//     most, more, selected(), beyond(c)  of a launch of several convolutions (MergedCorrelation): how many there can be, how many there are
//                                        beyond the first, which one is selected, whether columns from c on are none of its own
//     rows(), columns(), depth()
//     a<W, Lines>(...), b<W, Lines>(...) the operands (conv2d_operands.h)
//     row_at(row), put<N>(...)           where a row of C lies, and N neighbours of it to their place; they are then as put, but for
//                                        the rounding
//     has_moments                        whether `moments` may ask for those of the result (conv2d_moments.h)
//     has_norm_sums                      whether `sums` wants those of `norm` over the result (conv2d_norm_sums.h)
// Both kernels (conv2d_tile.h in float32, conv2d_mma.h on tensor cores) take any of them, but for NarrowWeightGradient, which as those
// of conv2d_run_products.h is for conv2d_mma.h.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_merged.h"
#include "kernels/conv2d/conv2d_operands.h"

namespace purnet::conv2d::implicit {

// Forward, and data gradient by phases. Both take an epilogue: the data gradient is the forward of a transposed convolution.
template <class T, bool Forward>
struct Correlation {
    using Element = T;
    static constexpr bool has_moments = Forward, has_norm_sums = false;
    Problem32 p;
    const T* source;
    const T* weight;
    tile::Epilogue<T> epilogue;
    T* out;
    bool vectors;    // the result, and what the epilogue adds to it, may be taken in vectors
    float* moments;  // null: not wanted; of one group alone
    View view;
    int group;
    static constexpr int most = 1, more = 0;

    __device__ static int selected() { return 0; }
    __device__ static bool beyond(int) { return false; }

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

// The data gradient of stride 1 and one group, a row of which is a pixel of memory, with the sums of the batch norm before the convolution.
// A product of its own, so that kernels without them keep their registers.
template <class T>
struct GradientWithSums : Correlation<T, false> {
    static constexpr bool has_norm_sums = true;
    batch_norm::NormOperands norm;  // `vectors`: its x may be taken in vectors too
    float* sums;
};

// Several convolutions as one launch (conv2d_merged.h), of one group: what a Correlation has is the first's. A product of its own, so that
// kernels of one convolution keep their registers.
template <class T, bool Forward>
struct MergedCorrelation : Correlation<T, Forward> {
    using One = Correlation<T, Forward>;
    static constexpr int most = most_merged;
    int more;  // convolutions beyond the first
    Member<T> others[most_merged - 1];
    int member;  // that is selected

    // A value, made by choosing field by field: places in the parameters that a register decides about would be copied to memory.
    __host__ __device__ Member<T> numbered(int number) const {
        Member<T> m{this->source, this->weight, this->epilogue, this->out, this->vectors, Forward ? this->p.o : this->p.c};
#pragma unroll
        for (int i = 0; i < most_merged - 1; ++i) {
            const Member<T>& other = others[i];
            const bool chosen = number == i + 1;
            m.source = chosen ? other.source : m.source;
            m.weight = chosen ? other.weight : m.weight;
            m.epilogue.bias = chosen ? other.epilogue.bias : m.epilogue.bias;
            m.epilogue.before = chosen ? other.epilogue.before : m.epilogue.before;
            m.epilogue.after = chosen ? other.epilogue.after : m.epilogue.after;
            m.epilogue.slope = chosen ? other.epilogue.slope : m.epilogue.slope;
            m.epilogue.top = chosen ? other.epilogue.top : m.epilogue.top;
            m.out = chosen ? other.out : m.out;
            m.vectors = chosen ? other.vectors : m.vectors;
            m.channels = chosen ? other.channels : m.channels;
        }
        return m;
    }
    __device__ int selected() const { return member; }
    __device__ bool beyond(int column) const { return column >= this->columns(); }

    // What the epilogue needs is chosen where it is needed: until then `member` alone is kept.
    __device__ void select(int z) {
        const int all = One::products(this->p), number = z / all;
        const Member<T> own = numbered(number);
        this->source = own.source;
        this->weight = own.weight;
        (Forward ? this->p.o : this->p.c) = own.channels;
        One::select(z - number * all);
        member = ptx::renewed(number);
    }
    template <int N>
    __device__ void put(int64_t row_at, int column, float (&v)[N]) const {
        const Member<T> own = numbered(member);
        tile::finish_row(own.out, row_at + column, column, v, this->columns() - column, own.vectors, own.epilogue);
    }
};

template <class T>
struct WeightGradient {
    static constexpr bool has_moments = false, has_norm_sums = false;
    Problem32 p;
    const T* x;
    const T* dy;
    float* out;
    bool vectors;
    View view;
    int group;
    static constexpr int most = 1, more = 0;

    __device__ static int selected() { return 0; }
    __device__ static bool beyond(int) { return false; }
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

// The same for conv2d_mma.h where the channels of dy do not come in eights, as the one of a head: its elements are copied one by one.
template <class T>
struct NarrowWeightGradient : WeightGradient<T> {
    template <int, int Lines>
    __host__ __device__ auto a(int64_t row, int k, int line, int step, int element) const {
        return WeightGradient<T>::template a<1, Lines>(row, k, line, step, element);
    }
};

}  // namespace purnet::conv2d::implicit
