#include "kernels/record/winograd_bound.h"

#include <vector>

#include "kernels/conv2d/conv2d_methods.h"

namespace purnet::record {
namespace {

using Rows = std::vector<std::vector<double>>;

struct Matrices {
    Rows at, bt, g;
};

const Matrices& absolute_matrices(int64_t tile) {
    static const Rows four_points{{1, 0, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 0, 1}};
    static const Matrices two{{{1, 1, 1, 0}, {0, 1, 1, 1}}, four_points, {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}, {0, 0, 1}}};
    static const Matrices three{{{1, 1, 1, 0}, {0, 1, 1, 0}, {0, 1, 1, 1}}, four_points, {{1, 0}, {0.5, 0.5}, {0.5, 0.5}, {0, 1}}};
    static const Matrices four{
        {{1, 1, 1, 1, 1, 0}, {0, 1, 1, 2, 2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, 1, 8, 8, 1}},
        {{4, 0, 5, 0, 1, 0}, {0, 4, 4, 1, 1, 0}, {0, 4, 4, 1, 1, 0}, {0, 2, 1, 2, 1, 0}, {0, 2, 1, 2, 1, 0}, {0, 4, 0, 5, 0, 1}},
        {{1 / 4., 0, 0},
         {1 / 6., 1 / 6., 1 / 6.},
         {1 / 6., 1 / 6., 1 / 6.},
         {1 / 24., 1 / 12., 1 / 6.},
         {1 / 24., 1 / 12., 1 / 6.},
         {0, 0, 1}}};
    return tile == 2 ? two : tile == 3 ? three : four;
}

// left * values * left^T, values square with as many rows as left has columns.
std::vector<double> both_sides(const Rows& left, const std::vector<double>& values) {
    const size_t rows = left.size(), n = left[0].size();
    std::vector<double> result(rows * rows, 0);
    for (size_t r = 0; r < rows; ++r)
        for (size_t s = 0; s < rows; ++s)
            for (size_t i = 0; i < n; ++i)
                for (size_t j = 0; j < n; ++j) result[r * rows + s] += left[r][i] * values[i * n + j] * left[s][j];
    return result;
}

Rows transposed(const Rows& rows) {
    Rows result(rows[0].size(), std::vector<double>(rows.size()));
    for (size_t r = 0; r < rows.size(); ++r)
        for (size_t s = 0; s < rows[r].size(); ++s) result[s][r] = rows[r][s];
    return result;
}

// An N,H,W,C array.
struct Pixels {
    const double* values;
    int64_t h, w, channels;

    // side x side pixels of a channel, `d` apart, from (row, column) of picture n; zeros outside.
    std::vector<double> square(int64_t n, int64_t row, int64_t column, int64_t d, int64_t side, int64_t channel) const {
        std::vector<double> result;
        for (int64_t r = 0; r < side; ++r)
            for (int64_t t = 0; t < side; ++t) {
                const int64_t i = row + r * d, j = column + t * d;
                const bool inside = i >= 0 && i < h && j >= 0 && j < w;
                result.push_back(inside ? values[((n * h + i) * w + j) * channels + channel] : 0);
            }
        return result;
    }
};

// Where the tiles of m x m outputs begin.
template <class Body>
void each_tile(const Correlation& s, int64_t m, Body&& body) {
    for (int64_t n = 0; n < s.n; ++n)
        for (int64_t a = 0; a < s.out_h; ++a)
            for (int64_t b = 0; b < s.out_w; ++b)
                if (a / s.d % m == 0 && b / s.d % m == 0) body(n, a, b);
}

// result(j, tap, i) for G^T [ sum over tiles of (A dout tile A^T) * (B^T source tile B) ] G.
void filter_gradient_bound(const Correlation& s, int64_t m, const double* source, const double* dout, double* result) {
    const Matrices& matrix = absolute_matrices(m);
    const Rows a_matrix = transposed(matrix.at), g_transposed = transposed(matrix.g);
    const auto size = static_cast<int64_t>(matrix.bt.size());
    const Pixels in{source, s.in_h, s.in_w, s.in}, out{dout, s.out_h, s.out_w, s.out};
    std::vector<std::vector<double>> sums(static_cast<size_t>(s.out * s.in), std::vector<double>(static_cast<size_t>(size * size), 0));
    each_tile(s, m, [&](int64_t n, int64_t a, int64_t b) {
        std::vector<std::vector<double>> inputs;
        for (int64_t i = 0; i < s.in; ++i) inputs.push_back(both_sides(matrix.bt, in.square(n, a - s.top, b - s.left, s.d, size, i)));
        for (int64_t j = 0; j < s.out; ++j) {
            const std::vector<double> outputs = both_sides(a_matrix, out.square(n, a, b, s.d, m, j));
            for (int64_t i = 0; i < s.in; ++i)
                for (size_t k = 0; k < outputs.size(); ++k) sums[j * s.in + i][k] += outputs[k] * inputs[i][k];
        }
    });
    for (int64_t j = 0; j < s.out; ++j)
        for (int64_t i = 0; i < s.in; ++i) {
            const std::vector<double> taps = both_sides(g_transposed, sums[j * s.in + i]);
            for (size_t tap = 0; tap < taps.size(); ++tap)
                result[(j * static_cast<int64_t>(taps.size()) + static_cast<int64_t>(tap)) * s.in + i] = taps[tap];
        }
}

}  // namespace

void winograd_bound(const Correlation& s, int64_t m, const double* source,
                    const std::function<double(int64_t j, int64_t tap, int64_t i)>& filter,
                    const std::function<void(int64_t n, int64_t p, int64_t q, int64_t j, double s)>& put) {
    const Matrices& matrix = absolute_matrices(m);
    const auto size = static_cast<int64_t>(matrix.bt.size()), taps = static_cast<int64_t>(matrix.g[0].size());
    std::vector<std::vector<double>> filters;
    for (int64_t j = 0; j < s.out; ++j)
        for (int64_t i = 0; i < s.in; ++i) {
            std::vector<double> values;
            for (int64_t tap = 0; tap < taps * taps; ++tap) values.push_back(filter(j, tap, i));
            filters.push_back(both_sides(matrix.g, values));
        }
    const Pixels pixels{source, s.in_h, s.in_w, s.in};
    each_tile(s, m, [&](int64_t n, int64_t a, int64_t b) {
        std::vector<std::vector<double>> inputs;
        for (int64_t i = 0; i < s.in; ++i) inputs.push_back(both_sides(matrix.bt, pixels.square(n, a - s.top, b - s.left, s.d, size, i)));
        for (int64_t j = 0; j < s.out; ++j) {
            std::vector<double> products(static_cast<size_t>(size * size), 0);
            for (int64_t i = 0; i < s.in; ++i)
                for (size_t k = 0; k < products.size(); ++k) products[k] += filters[j * s.in + i][k] * inputs[i][k];
            const std::vector<double> tile = both_sides(matrix.at, products);
            for (int64_t r = 0; r < m; ++r)
                for (int64_t t = 0; t < m; ++t) {
                    const int64_t p = a + r * s.d, q = b + t * s.d;
                    if (p < s.out_h && q < s.out_w) put(n, p, q, j, tile[r * m + t]);
                }
        }
    });
}

void winograd_bound(const Doubling& s, const double* source, const std::function<double(int64_t j, int64_t tap, int64_t i)>& filter,
                    double* result) {
    // Of either parity, row u takes h = 2 u + parity - top, from source rows u - 1 and u.
    const int64_t first_u = s.top / 2, rows = (s.out_h + s.top - 1) / 2 - first_u + 1;
    const int64_t first_v = s.left / 2, columns = (s.out_w + s.left - 1) / 2 - first_v + 1;
    for (int64_t a = 0; a < 2; ++a)
        for (int64_t b = 0; b < 2; ++b)
            winograd_bound(
                {s.n, s.in_h, s.in_w, s.in, rows, columns, s.out, 1 - first_u, 1 - first_v, 1}, 3, source,
                [&](int64_t j, int64_t tap, int64_t i) { return filter(j, (a + 2 - tap / 2 * 2) * 4 + b + 2 - tap % 2 * 2, i); },
                [&](int64_t n, int64_t p, int64_t q, int64_t j, double value) {
                    const int64_t h = 2 * (p + first_u) + a - s.top, w = 2 * (q + first_v) + b - s.left;
                    if (h >= 0 && h < s.out_h && w >= 0 && w < s.out_w) result[((n * s.out_h + h) * s.out_w + w) * s.out + j] = value;
                });
}

bool winograd_bound(const conv2d::Problem& p, conv2d::Pass pass, const double* source, const double* weight, double* result) {
    const int64_t m = conv2d::winograd_tile(p, pass);
    if (!m) return false;
    const auto put = [result](int64_t h, int64_t w, int64_t channels) {
        return
            [=](int64_t n, int64_t row, int64_t column, int64_t j, double s) { result[((n * h + row) * w + column) * channels + j] = s; };
    };
    const Correlation same{p.n, p.h, p.w, p.c, p.out_h(), p.out_w(), p.o, p.pads.top, p.pads.left, p.dilation};
    if (pass == conv2d::Pass::backward_weights) {
        filter_gradient_bound(same, m, source, weight, result);
    } else if (pass == conv2d::Pass::forward) {
        winograd_bound(
            same, m, source, [&](int64_t j, int64_t tap, int64_t i) { return weight[(j * 9 + tap) * p.c + i]; },
            put(p.out_h(), p.out_w(), p.o));
    } else if (m == 3) {
        winograd_bound(
            {p.n, p.out_h(), p.out_w(), p.o, p.h, p.w, p.c, p.pads.top, p.pads.left}, source,
            [&](int64_t j, int64_t tap, int64_t i) { return weight[(i * 16 + tap) * p.c + j]; }, result);
    } else {
        // The same with flipped filters, seen from the result.
        const int64_t top = 2 * p.dilation - p.pads.top, left = 2 * p.dilation - p.pads.left;
        winograd_bound(
            {p.n, p.out_h(), p.out_w(), p.o, p.h, p.w, p.c, top, left, p.dilation}, m, source,
            [&](int64_t j, int64_t tap, int64_t i) { return weight[(i * 9 + 8 - tap) * p.c + j]; }, put(p.h, p.w, p.c));
    }
    return true;
}

}  // namespace purnet::record
