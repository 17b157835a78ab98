#include "kernels/resize/resize_bytes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet {
namespace {

using resize_detail::block_rows;
using resize_detail::Taps;
using resize_detail::weight_bits;

void check(const char* what, int h, int w, int channels, int out_h, int out_w) {
    require(h >= 1 && w >= 1 && channels >= 1 && out_h >= 1 && out_w >= 1, what, ": can't take a picture of ", h, " x ", w, " x ", channels,
            " to ", out_h, " x ", out_w);
}

// Threads are worth their start from about a million samples on.
int64_t grain_for(int64_t rows, int64_t samples_a_row) {
    return std::max<int64_t>(1, std::min(rows, (int64_t{1} << 20) / std::max<int64_t>(samples_a_row, 1)));
}

struct Axis {
    std::vector<int32_t> first, count, weights;
    int most = 0;

    // Order and type of every operation follow the contract: another rounding would now and then give another byte.
    Axis(int in, int out) : first(static_cast<size_t>(out)), count(static_cast<size_t>(out)) {
        const double scale = static_cast<double>(in) / out, stretch = std::max(scale, 1.0), support = stretch;
        most = static_cast<int>(std::ceil(support)) * 2 + 1;
        weights.resize(static_cast<size_t>(out) * static_cast<size_t>(most));
        std::vector<double> exact(static_cast<size_t>(most));
        for (int i = 0; i < out; ++i) {
            const double centre = (i + 0.5) * scale, inverse = 1.0 / stretch;
            const int low = std::max(static_cast<int>(centre - support + 0.5), 0),
                      high = std::min(static_cast<int>(centre + support + 0.5), in);
            double sum = 0;
            for (int t = 0; t < high - low; ++t) {
                const double distance = std::abs((t + low - centre + 0.5) * inverse);
                exact[static_cast<size_t>(t)] = distance < 1 ? 1 - distance : 0;
                sum += exact[static_cast<size_t>(t)];
            }
            first[static_cast<size_t>(i)] = low;
            count[static_cast<size_t>(i)] = high - low;
            for (int t = 0; t < high - low; ++t)
                weights[static_cast<size_t>(i) * static_cast<size_t>(most) + static_cast<size_t>(t)] =
                    static_cast<int32_t>(exact[static_cast<size_t>(t)] / sum * (1 << weight_bits) + 0.5);
        }
    }
    Taps taps() const { return {first.data(), count.data(), weights.data(), most, static_cast<int>(first.size())}; }
};

template <class T>
void nearest(const T* src, int h, int w, int channels, T* dst, int out_h, int out_w) {
    check("resize_nearest", h, w, channels, out_h, out_w);
    std::vector<int64_t> column(static_cast<size_t>(out_w));
    for (int x = 0; x < out_w; ++x) column[static_cast<size_t>(x)] = (int64_t{2} * x + 1) * w / (int64_t{2} * out_w) * channels;
    const int64_t out_row = int64_t{out_w} * channels;
    parallel_for(out_h, grain_for(out_h, out_row), [&](int64_t begin, int64_t end) {
        for (int64_t y = begin; y < end; ++y) {
            const T* from = src + (2 * y + 1) * h / (int64_t{2} * out_h) * w * channels;
            T* to = dst + y * out_row;
            for (int x = 0; x < out_w; ++x)
                for (int c = 0; c < channels; ++c) *to++ = from[column[static_cast<size_t>(x)] + c];
        }
    });
}

struct Between {
    int low, high;
    float weight;  // of high
};

std::vector<Between> between(int in, int out) {
    std::vector<Between> result(static_cast<size_t>(out));
    for (int i = 0; i < out; ++i) {
        // exact: the centre times 2 * out is the integer (2 i + 1) in - out
        const int64_t position = std::max<int64_t>((int64_t{2} * i + 1) * in - out, 0);
        const int low = static_cast<int>(position / (int64_t{2} * out));
        result[static_cast<size_t>(i)] = {low, std::min(low + 1, in - 1),
                                          static_cast<float>(static_cast<double>(position % (int64_t{2} * out)) / (2.0 * out))};
    }
    return result;
}

// Calls store(y, row of out_w floats).
template <class Store>
void map_rows(const char* what, const float* src, int h, int w, int out_h, int out_w, Store&& store) {
    check(what, h, w, 1, out_h, out_w);
    const std::vector<Between> columns = between(w, out_w), rows = between(h, out_h);
    parallel_for(out_h, grain_for(out_h, out_w), [&](int64_t begin, int64_t end) {
        std::vector<float> mixed(static_cast<size_t>(w)), row(static_cast<size_t>(out_w));
        for (int64_t y = begin; y < end; ++y) {
            const Between at = rows[static_cast<size_t>(y)];
            const float *upper = src + int64_t{at.low} * w, *lower = src + int64_t{at.high} * w;
            for (size_t x = 0; x < mixed.size(); ++x) mixed[x] = upper[x] + (lower[x] - upper[x]) * at.weight;
            for (size_t x = 0; x < row.size(); ++x) {
                const float left = mixed[static_cast<size_t>(columns[x].low)], right = mixed[static_cast<size_t>(columns[x].high)];
                row[x] = left + (right - left) * columns[x].weight;
            }
            store(y, row);
        }
    });
}

template <class T>
void map_to(const char* what, const float* src, int h, int w, T* dst, int out_h, int out_w) {
    constexpr float top = static_cast<float>(static_cast<T>(~T{0}));
    map_rows(what, src, h, w, out_h, out_w, [&](int64_t y, const std::vector<float>& row) {
        T* to = dst + y * out_w;
        // written so that NaN, for which every comparison is false, becomes 0
        for (size_t x = 0; x < row.size(); ++x) to[x] = static_cast<T>(row[x] > 0 ? std::min(row[x], 1.0f) * top + 0.5f : 0.0f);
    });
}

}  // namespace

void resize_bilinear(const uint8_t* src, int h, int w, int channels, uint8_t* dst, int out_h, int out_w) {
    check("resize_bilinear", h, w, channels, out_h, out_w);
    const int64_t in_row = int64_t{w} * channels, out_row = int64_t{out_w} * channels;
    std::vector<uint8_t> narrow;
    if (w != out_w) {
        uint8_t* to = dst;
        if (h != out_h) {
            narrow.resize(static_cast<size_t>(h * out_row));
            to = narrow.data();
        }
        const Axis axis(w, out_w);
        const int64_t blocks = (h + block_rows - 1) / block_rows;
        parallel_for(blocks, grain_for(blocks, block_rows * std::max(in_row, out_row)), [&](int64_t begin, int64_t end) {
            std::vector<uint8_t> scratch(static_cast<size_t>(block_rows * in_row));
            for (int64_t b = begin; b < end; ++b) {
                const int64_t y = b * block_rows;
                PURNET_PICK(resize_block_horizontally)
                (src + y * in_row, static_cast<int>(std::min<int64_t>(block_rows, h - y)), w, channels, axis.taps(), to + y * out_row,
                 scratch.data());
            }
        });
        src = to;
    }
    if (h != out_h) {
        const Axis axis(h, out_h);
        parallel_for(out_h, grain_for(out_h, out_row * axis.most), [&](int64_t begin, int64_t end) {
            for (int64_t y = begin; y < end; ++y) {
                const size_t i = static_cast<size_t>(y);
                PURNET_PICK(resize_row_vertically)
                (src + axis.first[i] * out_row, out_row, axis.count[i], axis.weights.data() + y * axis.most, dst + y * out_row);
            }
        });
    } else if (w == out_w) {
        std::memcpy(dst, src, static_cast<size_t>(h * in_row));
    }
}

void resize_nearest(const uint8_t* src, int h, int w, int channels, uint8_t* dst, int out_h, int out_w) {
    nearest(src, h, w, channels, dst, out_h, out_w);
}
void resize_nearest(const uint16_t* src, int h, int w, int channels, uint16_t* dst, int out_h, int out_w) {
    nearest(src, h, w, channels, dst, out_h, out_w);
}
void resize_nearest(const int32_t* src, int h, int w, int channels, int32_t* dst, int out_h, int out_w) {
    nearest(src, h, w, channels, dst, out_h, out_w);
}

void resize_map(const float* src, int h, int w, float* dst, int out_h, int out_w) {
    map_rows("resize_map", src, h, w, out_h, out_w,
             [&](int64_t y, const std::vector<float>& row) { std::copy(row.begin(), row.end(), dst + y * out_w); });
}
void map_to_bytes(const float* src, int h, int w, uint8_t* dst, int out_h, int out_w) {
    map_to("map_to_bytes", src, h, w, dst, out_h, out_w);
}
void map_to_words(const float* src, int h, int w, uint16_t* dst, int out_h, int out_w) {
    map_to("map_to_words", src, h, w, dst, out_h, out_w);
}

}  // namespace purnet
