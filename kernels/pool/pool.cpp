#include "kernels/pool/pool.h"

#include <algorithm>
#include <cstring>

#include "kernels/pool/pool_simd.h"
#include "kernels/reduce/sums.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"

namespace purnet::pool {
namespace {

constexpr int most_links = 15 * 15;

struct Span {
    int64_t first, last;  // last is one beyond
};

// Positions of a picture that a window covers, and windows that cover a position, along one axis.
Span covered(int64_t out, int stride, int pad, int kernel, int64_t size) {
    const int64_t start = out * stride - pad;
    return {std::max<int64_t>(start, 0), std::min(start + kernel, size)};
}
Span covering(int64_t at, int stride, int pad, int kernel, int64_t out_size) {
    const int64_t reach = at + pad - kernel + 1;
    return {reach > 0 ? (reach + stride - 1) / stride : 0, std::min((at + pad) / stride + 1, out_size)};
}

// Calls body(row of all images, image, row) for every row of images x height; `work` is a row's cost in elements.
template <class Body>
void each_row(int64_t images, int64_t height, int64_t work, Body&& body) {
    parallel_for(images * height, 16384 / (work + 1) + 1, [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) body(row, row / height, row % height);
    });
}

// Calls body(position, links, their count) for every output position, with the inputs of its window.
template <class Body>
void each_window(const Problem& p, Body&& body) {
    each_row(p.n, p.out_h, p.out_w * p.c * p.kernel, [&](int64_t index, int64_t image, int64_t row) {
        const Span rows = covered(row, p.stride, p.top, p.kernel, p.h);
        const int64_t down = row * p.stride - p.top;
        for (int64_t q = 0; q < p.out_w; ++q) {
            const Span columns = covered(q, p.stride, p.left, p.kernel, p.w);
            const int64_t across = q * p.stride - p.left;
            Link links[most_links];
            int count = 0;
            for (int64_t h = rows.first; h < rows.last; ++h)
                for (int64_t w = columns.first; w < columns.last; ++w)
                    links[count++] = {((image * p.h + h) * p.w + w) * p.c, static_cast<uint8_t>((h - down) * p.kernel + w - across), 1.0f};
            body(index * p.out_w + q, links, count);
        }
    });
}

// Calls body(position, links, their count) for every input position, with the windows that cover it; weights are one over the positions
// of the window.
template <class Body>
void each_cover(const Problem& p, Body&& body) {
    each_row(p.n, p.h, p.w * p.c, [&](int64_t index, int64_t image, int64_t h) {
        const Span rows = covering(h, p.stride, p.top, p.kernel, p.out_h);
        // The windows that cover w: they move on when w reaches the next window's beginning or passes the first one's end.
        Span columns{0, 0};
        for (int64_t w = 0; w < p.w; ++w) {
            while (columns.last < p.out_w && columns.last * p.stride - p.left <= w) ++columns.last;
            while (columns.first < columns.last && columns.first * p.stride - p.left + p.kernel <= w) ++columns.first;
            Link links[most_links];
            int count = 0;
            for (int64_t r = rows.first; r < rows.last; ++r) {
                const Span a = covered(r, p.stride, p.top, p.kernel, p.h);
                for (int64_t q = columns.first; q < columns.last; ++q) {
                    const Span b = covered(q, p.stride, p.left, p.kernel, p.w);
                    const int64_t tap = (h - r * p.stride + p.top) * p.kernel + w - q * p.stride + p.left;
                    links[count++] = {((image * p.out_h + r) * p.out_w + q) * p.c, static_cast<uint8_t>(tap),
                                      1.0f / static_cast<float>((a.last - a.first) * (b.last - b.first))};
                }
            }
            body(index * p.w + w, links, count);
        }
    });
}

void maximum(const Problem& p, const void* x, void* y, uint8_t* tap, const Context&) {
    const auto at = PURNET_PICK(maximum_at);
    each_window(p, [&](int64_t i, const Link* links, int count) {
        at(static_cast<const float*>(x), links, count, p.c, static_cast<float*>(y) + i * p.c, tap ? tap + i * p.c : nullptr);
    });
}

void maximum_backward(const Problem& p, const uint8_t* tap, const void* dy, void* dx, const Context&) {
    const auto at = PURNET_PICK(route_at);
    each_cover(p, [&](int64_t i, const Link* links, int count) {
        at(static_cast<const float*>(dy), tap, links, count, p.c, static_cast<float*>(dx) + i * p.c);
    });
}

void average(const Problem& p, const float* x, float* y, const Context&) {
    const auto at = PURNET_PICK(weighted_at);
    each_window(p, [&](int64_t i, const Link* links, int count) { at(x, links, count, p.c, static_cast<float>(count), y + i * p.c); });
}

void average_backward(const Problem& p, const float* dy, float* dx, const Context&) {
    const auto at = PURNET_PICK(weighted_at);
    each_cover(p, [&](int64_t i, const Link* links, int count) { at(dy, links, count, p.c, 1.0f, dx + i * p.c); });
}

Partition image_blocks(const GlobalProblem& p) { return partition_rows(p.rows, p.channels, 16); }

void global(const GlobalProblem& p, const float* x, float* y, void* workspace, const Context&) {
    auto* partial = static_cast<double*>(workspace);
    const Partition blocks = image_blocks(p);
    const reduce::Sums sums = reduce::sums();
    parallel_for(p.images * blocks.blocks, 1, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
            const int64_t begin = blocks.begin(i % blocks.blocks), end = blocks.end(i % blocks.blocks);
            sums.channel_sums(x + (i / blocks.blocks * p.rows + begin) * p.channels, nullptr, end - begin, p.channels,
                              partial + i * p.channels);
        }
    });
    for (int64_t n = 0; n < p.images; ++n)
        for (int64_t c = 0; c < p.channels; ++c) {
            double sum = 0;
            for (int64_t b = 0; b < blocks.blocks; ++b) sum += partial[(n * blocks.blocks + b) * p.channels + c];
            y[n * p.channels + c] = static_cast<float>(sum / static_cast<double>(p.rows));
        }
}

void global_backward(const GlobalProblem& p, const float* dy, float* dx, const Context&) {
    const auto divisor = static_cast<float>(p.rows);
    parallel_for(p.images * p.rows, 16384 / p.channels + 1, [&](int64_t begin, int64_t end) {
        while (begin < end) {  // one division a channel and image, then copies
            const int64_t image = begin / p.rows, stop = std::min(end, (image + 1) * p.rows);
            float* row = dx + begin * p.channels;
            for (int64_t c = 0; c < p.channels; ++c) row[c] = dy[image * p.channels + c] / divisor;
            for (int64_t r = begin + 1; r < stop; ++r)
                std::memcpy(dx + r * p.channels, row, static_cast<size_t>(p.channels) * sizeof(float));
            begin = stop;
        }
    });
}

}  // namespace

size_t global_workspace(const GlobalProblem& p) {
    const int64_t blocks = std::max(image_blocks(p).blocks, row_chunks(p.rows, p.channels, p.images));
    return static_cast<size_t>(p.images * blocks * p.channels) * sizeof(double);
}

void check(const Problem& p) {
    require(p.kernel >= 1 && p.kernel <= 15 && p.stride >= 1, "pooling: kernel ", p.kernel, " and stride ", p.stride,
            "; a kernel has 1 to 15 rows, a stride is positive");
    require(p.top >= 0 && p.left >= 0 && p.top < p.kernel && p.left < p.kernel, "pooling: padding ", p.top, ", ", p.left,
            " must be below the kernel's ", p.kernel);
    require(p.out_h >= 1 && p.out_w >= 1 && (p.out_h - 1) * p.stride - p.top < p.h && (p.out_w - 1) * p.stride - p.left < p.w,
            "pooling: a window of ", p.out_h, "x", p.out_w, " lies outside the ", p.h, "x", p.w, " picture");
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("pool", {{{DeviceType::cpu, DType::f32},
                                            {.maximum = maximum,
                                             .maximum_backward = maximum_backward,
                                             .average = erase<average>,
                                             .average_backward = erase<average_backward>,
                                             .global = erase<global>,
                                             .global_backward = erase<global_backward>}}});
    return kernels;
}

}  // namespace purnet::pool
