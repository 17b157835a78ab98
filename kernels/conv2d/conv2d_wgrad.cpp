#include "kernels/conv2d/conv2d_wgrad.h"

#include <algorithm>
#include <vector>

#include "kernels/conv2d/conv2d_gather_simd.h"
#include "kernels/gemm/gemm.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d::wgrad {
namespace {

constexpr int64_t most_outputs = 512;  // whose dy is copied at a time

// The register tile and the columns of one panel: 9 x 48 on AVX-512, or 6 x 64 where that divides and 48 does not. A panel and a
// tile of dy fit into the first cache together.
struct Shape {
    int64_t tile_rows, columns, pixels;  // pixels of one block
};

Shape shape_for(const Problem& p) {
    const int64_t all = p.kh * p.kw * (p.c / p.groups);
    if (isa() == Isa::avx512) return all % 48 && all % 64 == 0 && all < 512 ? Shape{6, 64, 128} : Shape{9, 48, 192};
    return isa() == Isa::avx2 ? Shape{6, 16, 256} : Shape{6, 8, 256};
}

// Columns of the product that are one panel: channels of a tap, or of several.
struct Unit {
    std::vector<Piece> pieces;
    int64_t columns = 0;
    int64_t at = 0;  // in dweight, from the start of an output's row
};

std::vector<Unit> units_of(const Problem& p, const Shape& shape) {
    const int64_t in = p.c / p.groups, all = p.kh * p.kw * in;
    std::vector<Unit> units;
    for (int64_t at = 0; at < all; at += shape.columns) {
        Unit unit{{}, std::min(shape.columns, all - at), at};
        for (int64_t j = 0; j < unit.columns;) {
            const int64_t tap = (at + j) / in, channel = (at + j) % in, count = std::min(in - channel, unit.columns - j);
            const int64_t dy = tap / p.kw * p.dilation - p.pads.top, dx = tap % p.kw * p.dilation - p.pads.left;
            j += count;
            // Whole pixels side by side are one longer copy.
            if (count == p.c && !unit.pieces.empty()) {
                Piece& last = unit.pieces.back();
                if (last.channels == p.c && last.dy == dy && last.dx + last.pixels == dx) {
                    ++last.pixels;
                    continue;
                }
            }
            unit.pieces.push_back({dy, dx, 1, channel, count});
        }
        units.push_back(std::move(unit));
    }
    return units;
}

int64_t outputs_at_once(const Problem& p) { return std::min(p.o / p.groups, most_outputs); }

// A block of dy as it is packed, and one panel.
int64_t packed_dy_floats(const Problem& p, const Shape& shape) { return (outputs_at_once(p) + shape.tile_rows) * shape.pixels; }
int64_t scratch_of_thread(const Problem& p, const Shape& shape) {
    return (packed_dy_floats(p, shape) + shape.pixels * shape.columns + 31) / 16 * 16;
}

}  // namespace

size_t scratch_floats(const Problem& problem) {
    return static_cast<size_t>(scratch_of_thread(problem, shape_for(problem)) * thread_count());
}

void run(const Problem& p, const float* x, const float* dy, float* dweight, float* scratch) {
    const gemm::Functions gemm = gemm::functions();
    const auto gather = PURNET_PICK(gather_rows);
    const Shape shape = shape_for(p);
    const std::vector<Unit> units = units_of(p, shape);
    const int64_t in = p.c / p.groups, out = p.o / p.groups, row_floats = p.kh * p.kw * in;
    const int64_t pixels = p.n * p.out_h() * p.out_w(), at_once = outputs_at_once(p);
    const Grid grid{p.out_h(), p.out_w(), p.stride, p.h, p.w, p.c};
    // Each thread takes a share of the units; where those are too few, of the outputs as well.
    const int threads = thread_count();
    const auto unit_count = static_cast<int64_t>(units.size());
    int64_t unit_parts = threads;
    while (unit_parts > 1 && (threads % unit_parts || unit_count % unit_parts * 4 > unit_count || unit_count < unit_parts)) --unit_parts;
    const int64_t row_parts = threads / unit_parts;
    parallel_for(unit_parts * row_parts, 1, [&](int64_t first_task, int64_t last_task, int thread) {
        float* packed_dy = scratch + thread * scratch_of_thread(p, shape);
        float* panel = packed_dy + packed_dy_floats(p, shape);
        for (int64_t task = first_task; task < last_task; ++task) {
            const int64_t unit_part = task / row_parts, row_part = task % row_parts;
            const int64_t unit_begin = unit_count * unit_part / unit_parts, unit_end = unit_count * (unit_part + 1) / unit_parts;
            const int64_t row_begin = out * row_part / row_parts, row_end = out * (row_part + 1) / row_parts;
            for (int64_t group = 0; group < p.groups; ++group)
                for (int64_t o = row_begin; o < row_end; o += at_once) {
                    const int64_t rows = std::min(at_once, row_end - o);
                    for (int64_t k = 0; k < pixels; k += shape.pixels) {
                        const int64_t count = std::min(shape.pixels, pixels - k);
                        gemm.pack_a(rows, count, dy + k * p.o + group * out + o, p.o, shape.tile_rows, packed_dy);
                        for (int64_t u = unit_begin; u < unit_end; ++u) {
                            const Unit& unit = units[static_cast<size_t>(u)];
                            gather(grid, x + group * in, unit.pieces.data(), static_cast<long>(unit.pieces.size()), k, k + count, panel,
                                   gemm.packed_floats(1, unit.columns));
                            gemm.run({.m = rows,
                                      .n = unit.columns,
                                      .k = count,
                                      .a = packed_dy,
                                      .tile_rows = shape.tile_rows,
                                      .b = panel,
                                      .c = dweight + (group * out + o) * row_floats + unit.at,
                                      .ldc = row_floats},
                                     {.accumulate = k > 0}, 0, unit.columns);
                        }
                    }
                }
        }
    });
}

}  // namespace purnet::conv2d::wgrad
