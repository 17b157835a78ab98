#include "kernels/batch_norm/batch_norm.h"

#include <algorithm>
#include <cmath>

#include "kernels/batch_norm/batch_norm_simd.h"
#include "kernels/batch_norm/gradient_sums.h"
#include "kernels/batch_norm/moments.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"

namespace purnet::batch_norm {
namespace {

Partition blocks_of(const Problem& p) { return partition_rows(p.rows, p.channels); }

// Sums of the blocks, in order, into the first block's.
void combine(const Partition& blocks, int64_t width, double* partial) {
    parallel_for(width, 512, [&](int64_t begin, int64_t end) {
        for (int64_t b = 1; b < blocks.blocks; ++b)
            for (int64_t i = begin; i < end; ++i) partial[i] += partial[b * width + i];
    });
}

// sum[c], sum[C + c]: of x and of its squares, from the parts' moments.
void add_moments(const Problem& p, const float* moments, double* sum) {
    const int64_t parts = moment_parts(p.rows), plane = parts * p.channels;
    std::fill(sum, sum + 2 * p.channels, 0.0);
    for (int64_t part = 0; part < parts; ++part) {
        const auto n = static_cast<double>(std::min<int64_t>(p.rows - part * moment_rows, moment_rows));
        for (int64_t c = 0; c < p.channels; ++c) {
            const float* at = moments + part * p.channels + c;
            const double first = at[0], difference = at[plane], square = at[2 * plane];
            sum[c] += n * first + difference;
            sum[p.channels + c] += square + (2 * difference + n * first) * first;
        }
    }
}

// sum[k,c]: of the parts of each of the three sums (gradient_sums.h).
void add_parts(const Problem& p, const float* sums, double* sum) {
    const int64_t parts = moment_parts(p.rows);
    std::fill(sum, sum + 3 * p.channels, 0.0);
    for (int64_t k = 0; k < 3; ++k)
        for (int64_t part = 0; part < parts; ++part)
            for (int64_t c = 0; c < p.channels; ++c)
                sum[k * p.channels + c] += static_cast<double>(sums[(k * parts + part) * p.channels + c]);
}

const float* at_row(const void* base, int64_t row, int64_t channels) {
    return base ? static_cast<const float*>(base) + row * channels : nullptr;
}

void apply(const Problem& p, const Apply& a, const Context&) {
    const auto run = PURNET_PICK(apply);
    const auto vector = [](const void* values) { return static_cast<const float*>(values); };
    const float slope = a.slope ? *vector(a.slope) : 0.0f;
    for_blocks(blocks_of(p), [&](int64_t, int64_t begin, int64_t end) {
        const auto at = [&](const void* base) { return at_row(base, begin, p.channels); };
        run({p.activation, end - begin, p.channels, at(a.x), at(a.before), at(a.after), vector(a.gamma), vector(a.mean), vector(a.inverse),
             vector(a.shift), slope, static_cast<float*>(a.y) + begin * p.channels});
    });
}

void forward(const Problem& p, const Forward& f, const Context& context) {
    const int64_t channels = p.channels;
    const auto* x = static_cast<const float*>(f.x);
    const auto* gamma = static_cast<const float*>(f.gamma);
    const auto* beta = static_cast<const float*>(f.beta);
    auto* running_mean = static_cast<float*>(f.running_mean);
    auto* running_var = static_cast<float*>(f.running_var);
    auto* mean = static_cast<float*>(f.mean);
    auto* inverse = static_cast<float*>(f.inverse);
    auto* shift = static_cast<float*>(f.shift);
    const Partition blocks = blocks_of(p);
    auto* partial = static_cast<double*>(f.workspace);

    if (p.training && f.moments) {
        add_moments(p, static_cast<const float*>(f.moments), partial);
    } else if (p.training) {
        const auto moments = PURNET_PICK(moments);
        for_blocks(blocks, [&](int64_t block, int64_t begin, int64_t end) {
            double* sum = partial + block * 2 * channels;
            moments(x + begin * channels, end - begin, channels, sum, sum + channels);
        });
        combine(blocks, 2 * channels, partial);
    }
    for (int64_t c = 0; c < channels; ++c) {
        double m, v;
        if (p.training) {
            const double n = static_cast<double>(p.rows);
            m = partial[c] / n;
            v = partial[channels + c] / n - m * m;
            v = v < 0 ? 0 : v;
            const double unbiased = p.rows > 1 ? v * n / (n - 1) : v;
            running_mean[c] = static_cast<float>((1 - p.momentum) * static_cast<double>(running_mean[c]) + p.momentum * m);
            running_var[c] = static_cast<float>((1 - p.momentum) * static_cast<double>(running_var[c]) + p.momentum * unbiased);
        } else {
            m = static_cast<double>(running_mean[c]);
            v = static_cast<double>(running_var[c]);
        }
        const double s = 1 / std::sqrt(v + p.eps);
        mean[c] = static_cast<float>(m);
        inverse[c] = static_cast<float>(s);
        // What rounding the mean to float32 lost comes back here.
        shift[c] =
            static_cast<float>(static_cast<double>(beta[c]) + (static_cast<double>(mean[c]) - m) * s * static_cast<double>(gamma[c]));
    }
    apply(p, {f.x, f.gamma, f.mean, f.inverse, f.shift, f.slope, f.before, f.after, f.y}, context);
}

void backward(const Problem& p, const Backward& b, const Context&) {
    check_sums(b);
    const int64_t channels = p.channels;
    const auto* x = static_cast<const float*>(b.x);
    const auto* dy = static_cast<const float*>(b.dy);
    const auto* gamma = static_cast<const float*>(b.gamma);
    const auto* beta = static_cast<const float*>(b.beta);
    const auto* mean = static_cast<const float*>(b.mean);
    const auto* inverse = static_cast<const float*>(b.inverse);
    auto* dx = static_cast<float*>(b.dx);
    auto* dbefore = static_cast<float*>(b.dbefore);
    const float slope = b.slope ? *static_cast<const float*>(b.slope) : 0.0f;
    const Partition blocks = blocks_of(p);
    auto* mean_g = static_cast<float*>(b.workspace);
    auto* mean_gh = mean_g + channels;
    auto* partial = reinterpret_cast<double*>(mean_gh + channels);
    const auto at = [&](const void* base, int64_t row) { return at_row(base, row, channels); };
    const auto into = [&](float* base, int64_t row) { return base ? base + row * channels : nullptr; };

    const auto sums = PURNET_PICK(sums);
    const bool one_pass = !b.sums && !p.training && !dbefore;  // dx needs no sums
    if (b.sums)
        add_parts(p, static_cast<const float*>(b.sums), partial);
    else
        for_blocks(blocks, [&](int64_t block, int64_t begin, int64_t end) {
            double* sum = partial + block * 3 * channels;
            sums({p.activation, end - begin, channels, x + begin * channels, at(b.before, begin), dy + begin * channels, mean, inverse,
                  gamma, beta, slope, into(dbefore, begin), one_pass ? into(dx, begin) : nullptr, sum, sum + channels, sum + 2 * channels});
        });
    if (!b.sums) combine(blocks, 3 * channels, partial);
    double slope_sum = 0;
    for (int64_t c = 0; c < channels; ++c) {
        const double n = static_cast<double>(p.rows);
        const double g = partial[c], gh = partial[channels + c];
        slope_sum += partial[2 * channels + c];
        if (b.dbeta) static_cast<float*>(b.dbeta)[c] = static_cast<float>(g);
        if (b.dgamma) static_cast<float*>(b.dgamma)[c] = static_cast<float>(gh);
        mean_g[c] = p.training ? static_cast<float>(g / n) : 0.0f;
        mean_gh[c] = p.training ? static_cast<float>(gh / n) : 0.0f;
    }
    if (b.dslope) *static_cast<float*>(b.dslope) = static_cast<float>(slope_sum);
    if (!dx || one_pass) return;
    const auto gradient = PURNET_PICK(gradient);
    for_blocks(blocks, [&](int64_t, int64_t begin, int64_t end) {
        gradient({p.activation, end - begin, channels, x + begin * channels, at(b.before, begin), dy + begin * channels, at(dbefore, begin),
                  mean, inverse, gamma, beta, slope, mean_g, mean_gh, dx + begin * channels});
    });
}

}  // namespace

size_t forward_workspace(const Problem& p) {
    const int64_t blocks = std::max(blocks_of(p).blocks, row_chunks(p.rows, p.channels));
    return static_cast<size_t>(p.channels) * static_cast<size_t>(blocks) * 2 * sizeof(double);
}

size_t backward_workspace(const Problem& p) {
    const int64_t blocks = std::max(blocks_of(p).blocks, row_chunks(p.rows, p.channels));
    return static_cast<size_t>(p.channels) * (3 + 3 * static_cast<size_t>(blocks)) * sizeof(double);
}

void check(const Problem& p, bool has_slope, bool has_before) {
    require(p.activation == Activation::none || p.activation == Activation::relu || p.activation == Activation::relu6 ||
                p.activation == Activation::prelu,
            "batch_norm: no fused ", name_of(p.activation));
    require(has_slope == (p.activation == Activation::prelu),
            "batch_norm: a slope is given if and only if the activation is prelu, not for ", name_of(p.activation));
    require(has_before == p.has_before, "batch_norm: the problem and the operands disagree on `before`");
}

void check_sums(const Backward& b) { require(!b.sums || !b.before, "batch_norm: sums that were taken in passing know of no `before`"); }

Table<Kernels>& table() {
    static Table<Kernels> kernels("batch_norm",
                                  {{{DeviceType::cpu, DType::f32}, {.forward = forward, .apply = apply, .backward = backward}}});
    return kernels;
}

}  // namespace purnet::batch_norm
