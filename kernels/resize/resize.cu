#include "kernels/resize/resize.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/picture.h"
#include "kernels/tile/ptx.h"

namespace purnet::resize {
namespace {

using tile::Pack;
using tile::PictureShape;

// One axis, from H places to P, in integers: the source coordinate of p is the fraction numerator(p) / denominator, so places and
// weights are the exact ones, rounded once.
struct Axis {
    int in, out;
    Mode mode;

    __device__ int64_t denominator() const { return mode == Mode::bilinear_align_corners ? (out > 1 ? out - 1 : 1) : 2ll * out; }
    __device__ int64_t numerator(int p) const {
        if (mode == Mode::bilinear_align_corners) return static_cast<int64_t>(p) * (in - 1);
        const int64_t s = (2ll * p + 1) * in - (mode == Mode::nearest ? 0 : out);
        return s > 0 ? s : 0;
    }
    // Rows first and min(first + 1, in - 1) with weights 1 - second and second.
    __device__ void source(int p, int& first, float& second) const {
        const int64_t s = numerator(p), d = denominator();
        first = static_cast<int>(s / d);
        second = mode == Mode::nearest ? 0.0f : static_cast<float>(static_cast<double>(s - first * d) / static_cast<double>(d));
    }
    // The weight with which place p of the output reads place h of the input.
    __device__ float weight(int p, int h) const {
        int first;
        float second;
        source(p, first, second);
        const int next = first + 1 < in ? first + 1 : in - 1;
        return (first == h ? 1.0f - second : 0.0f) + (next == h ? second : 0.0f);
    }
    // Outputs low .. high hold all that read place h: those with h - 1 < s(p) < h + 1, and the clamped ones at the ends.
    __device__ void readers(int h, int& low, int& high) const {
        low = 0;
        high = out - 1;
        if (mode == Mode::bilinear_align_corners) {
            if (out < 2) return;
            if (h > 0) low = static_cast<int>(static_cast<int64_t>(h - 1) * (out - 1) / (in - 1)) + 1;
            if (h < in - 1) high = static_cast<int>((static_cast<int64_t>(h + 1) * (out - 1) - 1) / (in - 1));
        } else {
            // (2 p + 1) in - out > (h - 1) 2 out  and  < (h + 1) 2 out
            if (h > 0) low = static_cast<int>(((2ll * h - 1) * out - in + 2ll * in) / (2ll * in));
            if (h < in - 1) high = static_cast<int>(((2ll * h + 3) * out - in + 2ll * in - 1) / (2ll * in)) - 1;
        }
    }
};

// y[n,p,q,c] = sum of four neighbours. One thread a vector of V channels; lanes along channels, then along q. Bytes: y once, x about
// once through the caches. FLOP 8 an element.
template <int V, class T>
__global__ void __launch_bounds__(128) forward_kernel(const T* x, T* y, PictureShape in, PictureShape out, Axis rows, Axis columns) {
    const auto at = tile::picture_place<V>(out);
    ptx::wait_for_launches();
    if (!at.inside) return;
    int h, w;
    float u, v;
    rows.source(at.h, h, u);
    columns.source(at.w, w, v);
    const int h1 = h + 1 < in.h ? h + 1 : in.h - 1, w1 = w + 1 < in.w ? w + 1 : in.w - 1;
    const Pack<V> a = tile::load<V>(x + tile::index_of(in, at.n, h, w, at.c)), b = tile::load<V>(x + tile::index_of(in, at.n, h, w1, at.c)),
                  c = tile::load<V>(x + tile::index_of(in, at.n, h1, w, at.c)),
                  d = tile::load<V>(x + tile::index_of(in, at.n, h1, w1, at.c));
    Pack<V> result;
#pragma unroll
    for (int i = 0; i < V; ++i) result[i] = (1.0f - u) * ((1.0f - v) * a[i] + v * b[i]) + u * ((1.0f - v) * c[i] + v * d[i]);
    tile::store(y + tile::index_of(out, at.n, at.h, at.w, at.c), result);
}

// dx[n,h,w,c] = sum over the (p, q) that read (h, w), gathered: no atomics, rows in order, then columns. One thread a vector of V
// channels. Bytes: dx once, dy about once through the caches.
template <int V, class T>
__global__ void __launch_bounds__(128, 6) backward_kernel(const T* dy, T* dx, PictureShape in, PictureShape out, Axis rows, Axis columns) {
    const auto at = tile::picture_place<V>(in);
    ptx::wait_for_launches();
    if (!at.inside) return;
    int p0, p1, q0, q1;
    rows.readers(at.h, p0, p1);
    columns.readers(at.w, q0, q1);
    Pack<V> sum = tile::zeros<V>();
    for (int p = p0; p <= p1; ++p) {
        const float u = rows.weight(p, at.h);
        if (u == 0.0f) continue;
        for (int q = q0; q <= q1; ++q) {
            const float weight = u * columns.weight(q, at.w);
            if (weight == 0.0f) continue;
            const Pack<V> g = tile::load<V>(dy + tile::index_of(out, at.n, p, q, at.c));
#pragma unroll
            for (int i = 0; i < V; ++i) sum[i] += weight * g[i];
        }
    }
    tile::store(dx + tile::index_of(in, at.n, at.h, at.w, at.c), sum);
}

std::string describe(const Problem& p) { return concat(p.n, " x ", p.h, " x ", p.w, " x ", p.c, " to ", p.out_h, " x ", p.out_w); }

template <bool Forward, class T>
void run(const Problem& p, const T* from, T* to, const Context& context) {
    const PictureShape in = tile::picture_shape(p.n, p.h, p.w, p.c), out = tile::picture_shape(p.n, p.out_h, p.out_w, p.c);
    const Axis rows{in.h, out.h, p.mode}, columns{in.w, out.w, p.mode};
    const PictureShape& written = Forward ? out : in;
    constexpr int V = tile::vector_of<T>;
    const bool vectors = p.c % V == 0 && tile::aligned_16(from, to);
    const dim3 grid = vectors ? tile::picture_grid<V>(written, 128) : tile::picture_grid<1>(written, 128);
    auto* kernel = Forward   ? vectors ? forward_kernel<V, T> : forward_kernel<1, T>
                     : vectors ? backward_kernel<V, T>
                             : backward_kernel<1, T>;
    cuda::launch_early(kernel, grid, 128, 0, cuda::stream_of(context), from, to, in, out, rows, columns);
}

template <class T>
void forward(const Problem& p, const T* x, T* y, void*, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("resize forward", text);
    run<true>(p, x, y, context);
}

template <class T>
void backward(const Problem& p, const T* dy, T* dx, void*, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("resize backward", text);
    run<false>(p, dy, dx, context);
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>, .backward = erase<backward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>, .backward = erase<backward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::resize
