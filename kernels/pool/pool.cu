#include "kernels/pool/pool.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/columns.h"
#include "kernels/tile/picture.h"
#include "kernels/tile/ptx.h"

namespace purnet::pool {
namespace {

using tile::Pack;
using tile::PictureShape;

struct Window {
    int kernel, stride, top, left;
};

// Rows (or columns) begin .. end - 1 of the picture under output p; `start` is the window's first row, perhaps outside.
__device__ __forceinline__ void cut(int p, int stride, int pad, int kernel, int size, int& start, int& begin, int& end) {
    start = p * stride - pad;
    begin = start > 0 ? start : 0;
    end = start + kernel < size ? start + kernel : size;
}

// Outputs low .. high whose window covers row h.
__device__ __forceinline__ void windows_over(int h, int stride, int pad, int kernel, int out, int& low, int& high) {
    const int first = h + pad - kernel + 1;
    low = first > 0 ? (first + stride - 1) / stride : 0;
    high = (h + pad) / stride;
    high = high < out - 1 ? high : out - 1;
}

template <int V>
__device__ __forceinline__ void store_taps(uint8_t* to, const int (&tap)[V]) {
    if constexpr (V >= 4) {
#pragma unroll
        for (int i = 0; i < V; i += 4)
            *reinterpret_cast<unsigned*>(to + i) = static_cast<unsigned>(tap[i]) | static_cast<unsigned>(tap[i + 1]) << 8 |
                                                   static_cast<unsigned>(tap[i + 2]) << 16 | static_cast<unsigned>(tap[i + 3]) << 24;
    } else {
#pragma unroll
        for (int i = 0; i < V; ++i) to[i] = static_cast<uint8_t>(tap[i]);
    }
}

template <int V>
__device__ __forceinline__ void load_taps(const uint8_t* from, int (&tap)[V]) {
    if constexpr (V >= 4) {
#pragma unroll
        for (int i = 0; i < V; i += 4) {
            const unsigned four = *reinterpret_cast<const unsigned*>(from + i);
#pragma unroll
            for (int k = 0; k < 4; ++k) tap[i + k] = static_cast<int>(four >> (8 * k) & 255u);
        }
    } else {
#pragma unroll
        for (int i = 0; i < V; ++i) tap[i] = from[i];
    }
}

// y = maximum over the window, tap = where the first of equals lay; NaN wins. One thread a vector of V channels of an output;
// lanes along channels. Bytes: x about once through the caches, y and tap once.
template <int V, class T>
__global__ void __launch_bounds__(128) maximum_kernel(const T* x, T* y, uint8_t* tap, PictureShape in, PictureShape out, Window window) {
    const auto at = tile::picture_place<V>(out);
    ptx::wait_for_launches();
    if (!at.inside) return;
    int h0, h_begin, h_end, w0, w_begin, w_end;
    cut(at.h, window.stride, window.top, window.kernel, in.h, h0, h_begin, h_end);
    cut(at.w, window.stride, window.left, window.kernel, in.w, w0, w_begin, w_end);
    Pack<V> most;
    int where[V];
#pragma unroll
    for (int i = 0; i < V; ++i) {
        most[i] = -INFINITY;
        where[i] = (h_begin - h0) * window.kernel + (w_begin - w0);
    }
    for (int h = h_begin; h < h_end; ++h)
        for (int w = w_begin; w < w_end; ++w) {
            const Pack<V> v = tile::load<V>(x + tile::index_of(in, at.n, h, w, at.c));
            const int place = (h - h0) * window.kernel + (w - w0);
#pragma unroll
            for (int i = 0; i < V; ++i) {
                // A NaN replaces every number, and nothing replaces a NaN.
                if (v[i] > most[i] || (v[i] != v[i] && most[i] == most[i])) {
                    most[i] = v[i];
                    where[i] = place;
                }
            }
        }
    const int64_t to = tile::index_of(out, at.n, at.h, at.w, at.c);
    tile::store(y + to, most);
    if (tap) store_taps<V>(tap + to, where);
}

// dx = sum of dy over the windows whose tap lies here, gathered row by row: no atomics. One thread a vector of V channels of dx.
// Bytes: dx once, dy and taps about once through the caches.
template <int V, class T>
__global__ void __launch_bounds__(128)
    maximum_backward_kernel(const uint8_t* tap, const T* dy, T* dx, PictureShape in, PictureShape out, Window window) {
    const auto at = tile::picture_place<V>(in);
    ptx::wait_for_launches();
    if (!at.inside) return;
    int p0, p1, q0, q1;
    windows_over(at.h, window.stride, window.top, window.kernel, out.h, p0, p1);
    windows_over(at.w, window.stride, window.left, window.kernel, out.w, q0, q1);
    Pack<V> sum = tile::zeros<V>();
    for (int p = p0; p <= p1; ++p)
        for (int q = q0; q <= q1; ++q) {
            const int64_t from = tile::index_of(out, at.n, p, q, at.c);
            const int place = (at.h - (p * window.stride - window.top)) * window.kernel + (at.w - (q * window.stride - window.left));
            const Pack<V> g = tile::load<V>(dy + from);
            int taps[V];
            load_taps<V>(tap + from, taps);
#pragma unroll
            for (int i = 0; i < V; ++i) sum[i] += taps[i] == place ? g[i] : 0.0f;
        }
    tile::store(dx + tile::index_of(in, at.n, at.h, at.w, at.c), sum);
}

// y = mean over the part of the window inside the picture. One thread a vector of V channels of an output, lanes along channels. Bytes: x
// once, as far as windows that overlap find it in a cache, and y; kernel^2 additions and a quotient an output: limited by bandwidth. A
// thread adds its window row by row: the same bits always.
template <int V, class T>
__global__ void __launch_bounds__(128) average_kernel(const T* x, T* y, PictureShape in, PictureShape out, Window window) {
    const auto at = tile::picture_place<V>(out);
    ptx::wait_for_launches();
    if (!at.inside) return;
    int h0, h_begin, h_end, w0, w_begin, w_end;
    cut(at.h, window.stride, window.top, window.kernel, in.h, h0, h_begin, h_end);
    cut(at.w, window.stride, window.left, window.kernel, in.w, w0, w_begin, w_end);
    Pack<V> sum = tile::zeros<V>();
    for (int h = h_begin; h < h_end; ++h)
        for (int w = w_begin; w < w_end; ++w) {
            const Pack<V> v = tile::load<V>(x + tile::index_of(in, at.n, h, w, at.c));
#pragma unroll
            for (int i = 0; i < V; ++i) sum[i] += v[i];
        }
    const float count = static_cast<float>((h_end - h_begin) * (w_end - w_begin));
#pragma unroll
    for (int i = 0; i < V; ++i) sum[i] /= count;
    tile::store(y + tile::index_of(out, at.n, at.h, at.w, at.c), sum);
}

// dx = sum over the windows above of dy / (positions of that window), gathered. One thread a vector of V channels of dx,
// lanes along channels. Bytes: dy once, as far as it is found in a cache again, and dx; a quotient and an addition for each window above a
// position: limited by bandwidth. Each dx is written once, from windows in their order: no atomics, the same bits always.
template <int V, class T>
__global__ void __launch_bounds__(128) average_backward_kernel(const T* dy, T* dx, PictureShape in, PictureShape out, Window window) {
    const auto at = tile::picture_place<V>(in);
    ptx::wait_for_launches();
    if (!at.inside) return;
    int p0, p1, q0, q1;
    windows_over(at.h, window.stride, window.top, window.kernel, out.h, p0, p1);
    windows_over(at.w, window.stride, window.left, window.kernel, out.w, q0, q1);
    Pack<V> sum = tile::zeros<V>();
    for (int p = p0; p <= p1; ++p)
        for (int q = q0; q <= q1; ++q) {
            int start, h_begin, h_end, w_begin, w_end;
            cut(p, window.stride, window.top, window.kernel, in.h, start, h_begin, h_end);
            cut(q, window.stride, window.left, window.kernel, in.w, start, w_begin, w_end);
            const float count = static_cast<float>((h_end - h_begin) * (w_end - w_begin));
            const Pack<V> g = tile::load<V>(dy + tile::index_of(out, at.n, p, q, at.c));
#pragma unroll
            for (int i = 0; i < V; ++i) sum[i] += g[i] / count;
        }
    tile::store(dx + tile::index_of(in, at.n, at.h, at.w, at.c), sum);
}

// y[n,c] = mean over the rows of image n (kernels/tile/columns.h). Bytes: x once.
template <class T>
struct Mean {
    static constexpr bool has_finish_group = false;
    T* y;
    int64_t channels;
    double rows;

    template <int V>
    struct State {
        __device__ __forceinline__ void operator()(const Pack<V> (&in)[1], Pack<V> (&sum)[1]) const {
#pragma unroll
            for (int i = 0; i < V; ++i) sum[0][i] += in[0][i];
        }
    };
    template <int V>
    __device__ State<V> prepare(int64_t, int64_t) const {
        return {};
    }
    __device__ void finish(int64_t image, int64_t c, const double (&total)[1]) const {
        y[image * channels + c] = cuda::from_float<T>(static_cast<float>(total[0] / rows));
    }
};

// dx[n,r,c] = dy[n,c] / rows. Bytes: dx once.
template <class T>
struct SpreadMean {
    const T* dy;
    int64_t channels;
    float rows;

    template <int V>
    struct State {
        Pack<V> value;
        __device__ __forceinline__ void operator()(const Pack<V> (&)[1], Pack<V> (&out)[1]) const { out[0] = value; }
    };
    template <int V>
    __device__ State<V> prepare(int64_t image, int64_t c) const {
        State<V> state;
#pragma unroll
        for (int i = 0; i < V; ++i) state.value[i] = cuda::to_float(dy[image * channels + c + i]) / rows;
        return state;
    }
};

PictureShape input_of(const Problem& p) { return tile::picture_shape(p.n, p.h, p.w, p.c); }
PictureShape output_of(const Problem& p) { return tile::picture_shape(p.n, p.out_h, p.out_w, p.c); }
Window window_of(const Problem& p) { return {p.kernel, p.stride, p.top, p.left}; }

std::string describe(const Problem& p) {
    return concat(p.n, " x ", p.h, " x ", p.w, " x ", p.c, ", kernel ", p.kernel, ", stride ", p.stride);
}

std::string describe(const GlobalProblem& p) { return concat(p.images, " images of ", p.rows, " x ", p.channels); }

// vector_kernel where channels and pointers allow it, else the one of single elements; one thread an element vector of `written`.
template <class T, class... P, class... A>
void run(void (*vector_kernel)(P...), void (*single_kernel)(P...), bool vectors, const PictureShape& written, cudaStream_t stream,
         const A&... arguments) {
    const dim3 grid = vectors ? tile::picture_grid<tile::vector_of<T>>(written, 128) : tile::picture_grid<1>(written, 128);
    cuda::launch_early(vectors ? vector_kernel : single_kernel, grid, 128, 0, stream, arguments...);
}

template <class T>
void maximum(const Problem& p, const void* input, void* output, uint8_t* tap, const Context& context) {
    const T* x = static_cast<const T*>(input);
    T* y = static_cast<T*>(output);
    const auto text = [&] { return describe(p); };
    const OpScope op("maximum pooling forward", text);
    constexpr int V = tile::vector_of<T>;
    const bool vectors = p.c % V == 0 && tile::aligned_16(x, y, tap);
    run<T>(maximum_kernel<V, T>, maximum_kernel<1, T>, vectors, output_of(p), cuda::stream_of(context), x, y, tap, input_of(p),
           output_of(p), window_of(p));
}

template <class T>
void maximum_backward(const Problem& p, const uint8_t* tap, const void* gradient, void* result, const Context& context) {
    const T* dy = static_cast<const T*>(gradient);
    T* dx = static_cast<T*>(result);
    const auto text = [&] { return describe(p); };
    const OpScope op("maximum pooling backward", text);
    constexpr int V = tile::vector_of<T>;
    const bool vectors = p.c % V == 0 && tile::aligned_16(tap, dy, dx);
    run<T>(maximum_backward_kernel<V, T>, maximum_backward_kernel<1, T>, vectors, input_of(p), cuda::stream_of(context), tap, dy, dx,
           input_of(p), output_of(p), window_of(p));
}

template <class T>
void average(const Problem& p, const T* x, T* y, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("average pooling forward", text);
    constexpr int V = tile::vector_of<T>;
    const bool vectors = p.c % V == 0 && tile::aligned_16(x, y);
    run<T>(average_kernel<V, T>, average_kernel<1, T>, vectors, output_of(p), cuda::stream_of(context), x, y, input_of(p), output_of(p),
           window_of(p));
}

template <class T>
void average_backward(const Problem& p, const T* dy, T* dx, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("average pooling backward", text);
    constexpr int V = tile::vector_of<T>;
    const bool vectors = p.c % V == 0 && tile::aligned_16(dy, dx);
    run<T>(average_backward_kernel<V, T>, average_backward_kernel<1, T>, vectors, input_of(p), cuda::stream_of(context), dy, dx,
           input_of(p), output_of(p), window_of(p));
}

template <class T>
void global(const GlobalProblem& p, const T* x, T* y, void* workspace, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("global mean forward", text);
    tile::column_sums<1, 1, T>(Mean<T>{y, p.channels, static_cast<double>(p.rows)}, {{x}, {nullptr}}, p.images, p.rows, p.channels,
                               static_cast<double*>(workspace), cuda::stream_of(context));
}

template <class T>
void global_backward(const GlobalProblem& p, const T* dy, T* dx, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("global mean backward", text);
    tile::column_map<0, 1, T>(SpreadMean<T>{dy, p.channels, static_cast<float>(p.rows)}, {{nullptr}, {dx}}, p.images, p.rows, p.channels,
                              cuda::stream_of(context));
}

template <class T>
constexpr Kernels kernels_of() {
    return {.maximum = maximum<T>,
            .maximum_backward = maximum_backward<T>,
            .average = erase<average<T>>,
            .average_backward = erase<average_backward<T>>,
            .global = erase<global<T>>,
            .global_backward = erase<global_backward<T>>};
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, kernels_of<float>());
    table().add({DeviceType::cuda, DType::bf16}, kernels_of<bf16>());
    return true;
}();

}  // namespace
}  // namespace purnet::pool
