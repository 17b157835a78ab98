#include "kernels/softmax/softmax.h"

#include <cmath>

#include "kernels/reduce/sums.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"
#include "kernels/softmax/columns.h"
#include "kernels/softmax/softmax_simd.h"

namespace purnet::softmax {
namespace {

Partition blocks_of(const Problem& p) { return partition_rows(p.length, p.inner, 16); }

// Calls body(index of the block among all, outer index, first row of all, rows).
template <class Body>
void each_block(const Problem& p, Body&& body) {
    const Partition blocks = blocks_of(p);
    parallel_for(p.outer * blocks.blocks, 1, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
            const int64_t o = i / blocks.blocks, block = i % blocks.blocks;
            body(i, o, o * p.length + blocks.begin(block), blocks.end(block) - blocks.begin(block));
        }
    });
}

template <class Body>
void each_rows(const Problem& p, Body&& body) {
    parallel_for(p.outer, 8192 / p.length + 1, [&](int64_t begin, int64_t end) { body(begin * p.length, end - begin); });
}

void forward(const Problem& p, const float* x, float* y, void* workspace, const Context&) {
    if (p.inner == 1) {
        const auto rows_of = PURNET_PICK(rows_forward);
        each_rows(p, [&](int64_t at, int64_t rows) { rows_of(x + at, rows, p.length, y + at); });
        return;
    }
    const int64_t n = p.inner, blocks = blocks_of(p).blocks, all = p.outer * blocks * n;
    auto* sum = static_cast<double*>(workspace);
    auto* total = sum + all;
    auto* maximum = reinterpret_cast<float*>(total + all);
    auto* scale = maximum + all;
    const auto statistics_of = PURNET_PICK(statistics_block);
    each_block(p, [&](int64_t i, int64_t, int64_t row, int64_t rows) {
        statistics_of(x + row * n, rows, n, maximum + i * n, sum + i * n, total + i * n);
    });
    for (int64_t o = 0; o < p.outer; ++o)  // the first block takes the others in, in order
        for (int64_t c = 0; c < n; ++c) {
            const int64_t base = o * blocks * n + c;
            float m = maximum[base];
            for (int64_t b = 1; b < blocks; ++b) m = m < maximum[base + b * n] ? maximum[base + b * n] : m;
            double s = 0;
            for (int64_t b = 0; b < blocks; ++b)
                s += sum[base + b * n] * std::exp(static_cast<double>(maximum[base + b * n]) - static_cast<double>(m));
            maximum[base] = m;
            scale[base] = static_cast<float>(1 / s);
        }
    const auto scaled_of = PURNET_PICK(scaled_block);
    each_block(p, [&](int64_t, int64_t o, int64_t row, int64_t rows) {
        const int64_t base = o * blocks * n;
        scaled_of(x + row * n, maximum + base, scale + base, rows, n, y + row * n);
    });
}

void backward(const Problem& p, const float* y, const float* dy, float* dx, void* workspace, const Context&) {
    if (p.inner == 1) {
        const auto rows_of = PURNET_PICK(rows_backward);
        each_rows(p, [&](int64_t at, int64_t rows) { rows_of(y + at, dy + at, rows, p.length, dx + at); });
        return;
    }
    const int64_t n = p.inner, blocks = blocks_of(p).blocks, all = p.outer * blocks * n;
    auto* partial = static_cast<double*>(workspace);
    auto* dot = reinterpret_cast<float*>(partial + all);
    const reduce::Sums sums = reduce::sums();
    each_block(
        p, [&](int64_t i, int64_t, int64_t row, int64_t rows) { sums.channel_sums(y + row * n, dy + row * n, rows, n, partial + i * n); });
    for (int64_t o = 0; o < p.outer; ++o)
        for (int64_t c = 0; c < n; ++c) {
            double sum = 0;
            for (int64_t b = 0; b < blocks; ++b) sum += partial[(o * blocks + b) * n + c];
            dot[o * n + c] = static_cast<float>(sum);
        }
    const auto gradient_of = PURNET_PICK(gradient_block);
    each_block(p, [&](int64_t, int64_t o, int64_t row, int64_t rows) {
        gradient_of(y + row * n, dy + row * n, dot + o * n, rows, n, dx + row * n);
    });
}

}  // namespace

ColumnStatistics column_statistics() { return PURNET_PICK(statistics_block); }

size_t workspace_bytes(const Problem& p) {
    if (p.inner == 1) return 0;
    const size_t host = static_cast<size_t>(p.outer * blocks_of(p).blocks * p.inner) * (2 * sizeof(double) + 2 * sizeof(float));
    const size_t grid = static_cast<size_t>(p.outer * p.inner * (1 + 3 * row_chunks(p.length, p.inner, p.outer))) * sizeof(double);
    return std::max(host, grid);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("softmax", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>, .backward = erase<backward>}}});
    return kernels;
}

}  // namespace purnet::softmax
