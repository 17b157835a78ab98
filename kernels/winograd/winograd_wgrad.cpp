#include "kernels/winograd/winograd_wgrad.h"

#include <algorithm>

#include "kernels/runtime/parallel.h"
#include "kernels/winograd/winograd_tiles.h"

namespace purnet::winograd {
namespace {

// How the work is cut, and where its parts lie in the scratch.
struct Plan {
    int64_t tiles;                        // of one block
    int64_t src_stride, dout_stride;      // from tile to tile
    int64_t src_position, dout_position;  // from position to position
    int64_t sum_stride, sum_position;     // of the sums: from output channel to output channel, from position to position

    explicit Plan(const Problem& p)
        : src_stride(apart(p.in)), dout_stride(apart(p.out)), sum_stride(apart(p.in)), sum_position(apart(p.out * sum_stride)) {
        // A short block reads and writes all sums for few products, a long one leaves the caches.
        const int64_t all = tile_count(p), room = (int64_t{6} << 20) / (4 * positions(p) * (src_stride + dout_stride));
        const int64_t longest = std::clamp<int64_t>(room, 96, 256), blocks = (all + longest - 1) / longest;
        tiles = (all + blocks - 1) / blocks;
        src_position = apart(tiles * src_stride);
        dout_position = apart(tiles * dout_stride);
    }
    int64_t zeros() const { return std::max(src_stride, dout_stride); }
    int64_t floats(const Problem& p) const { return zeros() + positions(p) * (src_position + dout_position + sum_position); }
};

// Rows of a product: what gemm.h asks to keep in the second cache.
constexpr int64_t most_rows = 256;

}  // namespace

size_t filter_gradient_scratch_floats(const Problem& p) { return static_cast<size_t>(Plan(p).floats(p)); }

void filter_gradient(const Problem& p, const float* src, const float* dout, float* dfilter, float* scratch) {
    const auto transform_src = PURNET_PICK(winograd_input);
    const auto transform_dout = PURNET_PICK(winograd_output_adjoint);
    const auto transform_sums = PURNET_PICK(winograd_filter_adjoint);
    const gemm::Functions gemm = gemm::functions();
    const Plan plan(p);
    const std::vector<Tile> tiles = tiles_of(p);
    const auto count = static_cast<int64_t>(tiles.size());
    const Image source{p.in_h, p.in_w, p.in}, result{p.out_h, p.out_w, p.out};
    const float* zeros = std::fill_n(scratch, plan.zeros(), 0.0f) - plan.zeros();
    float* srcs = scratch + plan.zeros();
    float* douts = srcs + positions(p) * plan.src_position;
    float* sums = douts + positions(p) * plan.dout_position;
    const int64_t row_parts = (p.out + most_rows - 1) / most_rows;
    for (int64_t t = 0; t < count; t += plan.tiles) {
        const int64_t block = std::min(plan.tiles, count - t);
        parallel_for(block, 1, [&](int64_t begin, int64_t end) {
            const Tile* mine = tiles.data() + t + begin;
            transform_src(p.tile, source, src, mine, end - begin, p.top, p.left, p.dilation, zeros, srcs + begin * plan.src_stride,
                          plan.src_stride, plan.src_position);
            transform_dout(p.tile, result, dout, mine, end - begin, p.dilation, zeros, douts + begin * plan.dout_stride, plan.dout_stride,
                           plan.dout_position);
        });
        parallel_for(positions(p) * row_parts, 1, [&](int64_t begin, int64_t end) {
            for (int64_t task = begin; task < end; ++task) {
                const int64_t k = task / row_parts, part = task % row_parts;
                const int64_t row = p.out * part / row_parts, rows = p.out * (part + 1) / row_parts - row;
                gemm.run({.m = rows,
                          .n = p.in,
                          .k = block,
                          .a = douts + k * plan.dout_position + row,
                          .lda = plan.dout_stride,
                          .k_major = true,
                          .b = srcs + k * plan.src_position,
                          .ldb = plan.src_stride,
                          .c = sums + k * plan.sum_position + row * plan.sum_stride,
                          .ldc = plan.sum_stride},
                         {.accumulate = t > 0}, 0, p.in);
            }
        });
    }
    parallel_for(p.out, 1 + 16384 / (positions(p) * p.in), [&](int64_t begin, int64_t end) {
        for (int64_t j = begin; j < end; ++j)
            transform_sums(p.tile, p.in, sums + j * plan.sum_stride, plan.sum_position, dfilter + j * 9 * p.in, p.in);
    });
}

double filter_gradient_estimate(const Problem& p) {
    const double tiles = static_cast<double>(tile_count(p)), in = static_cast<double>(p.in), out = static_cast<double>(p.out);
    const double n = static_cast<double>(positions(p)), blocks = tiles / static_cast<double>(Plan(p).tiles);
    const double rate = isa() == Isa::avx512 ? 27 : isa() == Isa::avx2 ? 14 : 3.3;  // products a cycle
    return tiles * n * in * out / rate + transform_cycles(p, tiles, in + out) +
           (2 * blocks + 1) * n * in * out / 4;  // sums pass through memory: 4 values a cycle
}

}  // namespace purnet::winograd
