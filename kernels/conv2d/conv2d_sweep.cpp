#include "kernels/conv2d/conv2d_sweep.h"

#include "kernels/gemm/gemm.h"
#include "kernels/runtime/cache_size.h"

namespace purnet::conv2d {

std::vector<Sweep> sweeps_of(const Problem& p, Pass pass) {
    const bool forward = pass == Pass::forward;
    const int64_t phases = forward ? 1 : p.stride;
    std::vector<Sweep> list;
    for (int64_t a = 0; a < phases; ++a)
        for (int64_t b = 0; b < phases; ++b) {
            Sweep s;
            s.pictures = p.n;
            s.in = (forward ? p.c : p.o) / p.groups;
            s.out = (forward ? p.o : p.c) / p.groups;
            if (forward) {
                s.grid = {p.out_h(), p.out_w(), p.stride, p.h, p.w, p.c};
                s.out_height = p.out_h(), s.out_width = p.out_w(), s.out_stride = p.o;
            } else {
                s.grid = {(p.h - a + phases - 1) / phases, (p.w - b + phases - 1) / phases, 1, p.out_h(), p.out_w(), p.o};
                s.out_height = p.h, s.out_width = p.w, s.out_stride = p.c;
                s.out_step = phases, s.first_row = a, s.first_column = b;
                if (s.grid.rows <= 0 || s.grid.columns <= 0) continue;
            }
            for (int64_t ky = 0; ky < p.kh; ++ky)
                for (int64_t kx = 0; kx < p.kw; ++kx) {
                    if (forward) {
                        s.taps.push_back({ky * p.dilation - p.pads.top, kx * p.dilation - p.pads.left, ky * p.kw + kx});
                        continue;
                    }
                    // Backwards, so that the source's columns ascend.
                    const int64_t y = p.kh - 1 - ky, x = p.kw - 1 - kx;
                    const int64_t dy = a + p.pads.top - y * p.dilation, dx = b + p.pads.left - x * p.dilation;
                    if (dy % p.stride || dx % p.stride) continue;
                    s.taps.push_back({dy / p.stride, dx / p.stride, y * p.kw + x});
                }
            s.in_place = s.taps.size() == 1 && s.taps[0].dy == 0 && s.taps[0].dx == 0 && s.grid.step == 1 && s.grid.rows == s.grid.height &&
                         s.grid.columns == s.grid.width;
            list.push_back(std::move(s));
        }
    return list;
}

Segment segment_from(const Sweep& s, int64_t m, int64_t end) {
    if (s.out_step == 1) return {end - m, m * s.out_stride, s.out_stride};
    const int64_t q = m % s.grid.columns, p = m / s.grid.columns % s.grid.rows, n = m / s.grid.columns / s.grid.rows;
    const int64_t row = s.first_row + p * s.out_step, column = s.first_column + q * s.out_step;
    return {std::min(end - m, s.grid.columns - q), ((n * s.out_height + row) * s.out_width + column) * s.out_stride,
            s.out_step * s.out_stride};
}

Split split_for(int64_t rows, int64_t columns, int threads, long (*next_panel)(long, long)) {
    Split best;
    double best_time = 0;
    for (int64_t t = 1; t <= threads; ++t) {
        if (threads % t) continue;
        Split split{threads / t, t, {0}};
        int64_t widest = 0;
        for (int64_t i = 1; i <= t; ++i) {
            split.column_borders.push_back(i == t ? columns : next_panel(columns, columns * i / t));
            widest = std::max(widest, split.column_borders[i] - split.column_borders[i - 1]);
        }
        const double m = static_cast<double>((rows + split.rows - 1) / split.rows), n = static_cast<double>(widest);
        const double time = m * n / 32 + (m + n) / 2;  // per k: 32 products a cycle, 8 bytes a cycle from the outer caches
        if (best.column_borders.empty() || time < best_time) best = split, best_time = time;
    }
    return best;
}

// Measured with 1.25 MB (2 cores, AVX-512): 400 KB took 6 to 9 % off the 1x1 convolutions of 200 KB, 800 KB gave half of that back.
int64_t most_rows_of_block(int64_t row_bytes) {
    const int64_t bytes = std::clamp<int64_t>(static_cast<int64_t>(second_cache_bytes()) / 3, 200 << 10, 512 << 10);
    const int64_t tile = gemm::functions().tile_rows();
    return std::max<int64_t>(bytes / std::max<int64_t>(row_bytes, 1) / tile, 2) * tile;
}

int64_t rows_of_block(int64_t rows, int64_t most) {
    const int64_t tile = gemm::functions().tile_rows(), blocks = (rows + most - 1) / most;
    return ((rows + blocks - 1) / blocks + tile - 1) / tile * tile;
}

}  // namespace purnet::conv2d
