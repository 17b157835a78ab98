#include "kernels/promotion/promotion.h"

#include <cmath>

#include "kernels/promotion/promotion_simd.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"
#include "kernels/softmax/columns.h"

namespace purnet::promotion {
namespace {

Partition image_blocks(const Problem& p) { return partition_rows(p.rows, p.channels, 16); }

// Calls body(index of the block among all, image, first row of all, rows) for every block of every image.
template <class Body>
void each_block(const Problem& p, Body&& body) {
    const Partition blocks = image_blocks(p);
    parallel_for(p.images * blocks.blocks, 1, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
            const int64_t image = i / blocks.blocks, block = i % blocks.blocks;
            body(i, image, image * p.rows + blocks.begin(block), blocks.end(block) - blocks.begin(block));
        }
    });
}

void statistics(const Problem& p, const float* f, float* result, void* workspace, const Context&) {
    const int64_t channels = p.channels, blocks = image_blocks(p).blocks, all = p.images * blocks * channels;
    auto* sum = static_cast<double*>(workspace);
    auto* total = sum + all;
    auto* maximum = reinterpret_cast<float*>(total + all);
    const softmax::ColumnStatistics block_of = softmax::column_statistics();
    each_block(p, [&](int64_t i, int64_t, int64_t row, int64_t rows) {
        block_of(f + row * channels, rows, channels, maximum + i * channels, sum + i * channels, total + i * channels);
    });
    parallel_for(p.images, 1, [&](int64_t first, int64_t last) {
        for (int64_t n = first; n < last; ++n) {
            // The image's first block takes the others in, in order.
            const int64_t base = n * blocks * channels;
            float* high = result + n * 2 * channels;
            float* scale = high + channels;
            double highest = -INFINITY, denominator = 0;
            for (int64_t c = 0; c < channels; ++c) {
                float m = maximum[base + c];
                for (int64_t b = 1; b < blocks; ++b) m = m < maximum[base + b * channels + c] ? maximum[base + b * channels + c] : m;
                double s = 0, t = 0;
                for (int64_t b = 0; b < blocks; ++b) {
                    const int64_t i = base + b * channels + c;
                    s += sum[i] * std::exp(static_cast<double>(maximum[i]) - static_cast<double>(m));
                    t += total[i];
                }
                high[c] = m;
                sum[base + c] = s;
                total[base + c] = t / static_cast<double>(p.rows);
                highest = std::max(highest, total[base + c]);
            }
            for (int64_t c = 0; c < channels; ++c) denominator += std::exp(total[base + c] - highest);
            for (int64_t c = 0; c < channels; ++c)
                scale[c] = static_cast<float>(p.gain * std::exp(total[base + c] - highest) / denominator / sum[base + c]);
        }
    });
}

void attention(const Problem& p, const float* f, const float* statistics, float* y, const Context&) {
    const auto block_of = PURNET_PICK(attention_block);
    each_block(p, [&](int64_t, int64_t image, int64_t row, int64_t rows) {
        const float* maximum = statistics + image * 2 * p.channels;
        block_of(f + row * p.channels, maximum, maximum + p.channels, rows, p.channels, y + row * p.channels);
    });
}

void promote(const Problem& p, const float* target, const float* f, const float* statistics, float* y, const Context&) {
    const auto block_of = PURNET_PICK(promote_block);
    each_block(p, [&](int64_t, int64_t image, int64_t row, int64_t rows) {
        const float* maximum = statistics + image * 2 * p.channels;
        const int64_t at = row * p.channels;
        block_of(target + at, f + at, maximum, maximum + p.channels, rows, p.channels, y + at);
    });
}

void backward(const Problem& p, const float* target, const float* f, const float* statistics, const float* dy, float* dtarget, float* df,
              void* workspace, const Context&) {
    const int64_t channels = p.channels, blocks = image_blocks(p).blocks, all = p.images * blocks * channels;
    auto* sum = static_cast<double*>(workspace);
    auto* product = sum + all;
    auto* spread = reinterpret_cast<float*>(product + all);
    auto* shift = spread + p.images * channels;
    const auto sums_of = PURNET_PICK(sums_block);
    each_block(p, [&](int64_t i, int64_t image, int64_t row, int64_t rows) {
        const float* maximum = statistics + image * 2 * channels;
        const int64_t at = row * channels;
        sums_of(target + at, f + at, dy + at, maximum, maximum + channels, rows, channels, dtarget ? dtarget + at : nullptr,
                sum + i * channels, product + i * channels);
    });
    if (!df) return;
    for (int64_t n = 0; n < p.images; ++n) {
        const float* scale = statistics + (n * 2 + 1) * channels;
        const int64_t base = n * blocks * channels;
        double all_d = 0;
        for (int64_t c = 0; c < channels; ++c) {
            for (int64_t b = 1; b < blocks; ++b) {
                sum[base + c] += sum[base + b * channels + c];
                product[base + c] += product[base + b * channels + c];
            }
            product[base + c] *= static_cast<double>(scale[c]);  // D
            all_d += product[base + c];
        }
        for (int64_t c = 0; c < channels; ++c) {
            const double z = sum[base + c], d = product[base + c], k = static_cast<double>(scale[c]) * z / p.gain;
            spread[n * channels + c] = static_cast<float>(d / z);
            shift[n * channels + c] = static_cast<float>((d - k * all_d) / static_cast<double>(p.rows));
        }
    }
    const auto gradient_of = PURNET_PICK(gradient_block);
    each_block(p, [&](int64_t, int64_t image, int64_t row, int64_t rows) {
        const float* maximum = statistics + image * 2 * channels;
        const int64_t at = row * channels;
        gradient_of({rows, channels, target + at, f + at, dy + at, maximum, maximum + channels, spread + image * channels,
                     shift + image * channels, df + at});
    });
}

}  // namespace

size_t statistics_workspace(const Problem& p) {
    const size_t host = static_cast<size_t>(p.images * image_blocks(p).blocks * p.channels) * (2 * sizeof(double) + sizeof(float));
    const size_t grid = static_cast<size_t>(p.images * p.channels * (2 + 3 * row_chunks(p.rows, p.channels, p.images))) * sizeof(double);
    return std::max(host, grid);
}

size_t backward_workspace(const Problem& p) {
    const size_t host = static_cast<size_t>(image_blocks(p).blocks) * 2 * sizeof(double) + 2 * sizeof(float);
    const size_t grid = static_cast<size_t>(3 + 2 * row_chunks(p.rows, p.channels, p.images)) * sizeof(double);
    return static_cast<size_t>(p.images * p.channels) * std::max(host, grid);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels(
        "promotion",
        {{{DeviceType::cpu, DType::f32},
          {.statistics = erase<statistics>, .attention = erase<attention>, .promote = erase<promote>, .backward = erase<backward>}}});
    return kernels;
}

}  // namespace purnet::promotion
