#include "kernels/winograd/winograd.h"

#include <algorithm>
#include <vector>

#include "kernels/runtime/parallel.h"
#include "kernels/winograd/winograd_tiles.h"

namespace purnet::winograd {
namespace {

// Of the products: the parities of the transposed form lie side by side.
int64_t columns_of(const Problem& p) { return doubling(p) ? 4 * p.out : p.out; }

int64_t packed_stride(const Problem& p) { return apart(gemm::functions().packed_floats(p.in, columns_of(p))); }

// Where the tiles of one axis begin: outputs, or u of the transposed form.
std::vector<int64_t> begins(const Problem& p, int64_t size, int64_t before) {
    const int64_t first = doubling(p) ? before / 2 : 0, end = doubling(p) ? (size + before - 1) / 2 + 1 : size;
    std::vector<int64_t> list;
    for (int64_t a = first; a < std::min(first + p.dilation, end); ++a)
        for (int64_t at = a; at < end; at += p.dilation * p.tile) list.push_back(at);
    return list;
}

// How the work is cut.
struct Plan {
    bool by_columns = false;  // threads share columns of the product, and the transformed inputs; else each has tiles of its own
    int64_t tiles = 1;        // of one block

    static int64_t depth_stride(const Problem& p) { return lines(p.in); }
    int64_t input_stride(const Problem& p) const { return apart(tiles * lines(p.in)); }
    int64_t product_stride(const Problem& p) const { return apart(tiles * lines(columns_of(p))); }
    int64_t input_floats(const Problem& p) const { return positions(p) * input_stride(p); }
    int64_t product_floats(const Problem& p) const { return positions(p) * product_stride(p); }
};

double weight_bytes(const Problem& p) { return 4.0 * static_cast<double>(positions(p) * lines(columns_of(p)) * p.in); }

// Measured on 2 cores (AVX-512, 1.25 MB of second cache each): long blocks win although they leave the second cache, since every
// block reads all weights once; beyond 100 tiles nothing is gained. 6 MB of scratch for each thread are the limit.
// Few tiles beside large weights: the threads take columns, so that each reads its part of the weights alone.
Plan plan_for(const Problem& p, int threads) {
    const int64_t all = tile_count(p), mine = (all + threads - 1) / threads;
    const int64_t room = (int64_t{6} << 20) / (4 * positions(p) * (lines(p.in) + lines(columns_of(p))));
    const int64_t longest = std::clamp<int64_t>(room, 12, 100);
    Plan plan;
    plan.by_columns = threads > 1 && (mine < 9 || (mine < 27 && weight_bytes(p) > 8e6));
    const int64_t share = plan.by_columns ? all : mine;
    const int64_t blocks = (share + longest - 1) / longest;
    plan.tiles = (share + blocks - 1) / blocks;
    return plan;
}

struct Steps {
    decltype(PURNET_PICK(winograd_input)) input = PURNET_PICK(winograd_input);
    decltype(PURNET_PICK(winograd_output)) output = PURNET_PICK(winograd_output);
    gemm::Functions gemm = gemm::functions();
};

// Products and outputs of `count` tiles for the columns first .. last - 1.
void multiply(const Steps& steps, const Problem& p, const Plan& plan, const Tile* tiles, int64_t count, int64_t first, int64_t last,
              const float* inputs, const float* packed, const gemm::Finish& finish, float* products, float* out) {
    const Image image{p.out_h, p.out_w, p.out};
    const int64_t weight_stride = packed_stride(p), tile_stride = lines(columns_of(p));
    for (int64_t k = 0; k < positions(p); ++k)
        steps.gemm.run({.m = count,
                        .n = columns_of(p),
                        .k = p.in,
                        .a = inputs + k * plan.input_stride(p),
                        .lda = plan.depth_stride(p),
                        .b = packed + k * weight_stride,
                        .c = products + k * plan.product_stride(p),
                        .ldc = tile_stride},
                       {}, first, last);
    const Spread spread{doubling(p) ? 2 : p.dilation, p.top, p.left};
    steps.output(p.tile, image, products, tiles, count, spread, tile_stride, plan.product_stride(p), first, last, finish, out);
}

}  // namespace

std::vector<Tile> tiles_of(const Problem& p) {
    std::vector<Tile> tiles;
    const std::vector<int64_t> rows = begins(p, p.out_h, p.top), columns = begins(p, p.out_w, p.left);
    for (int64_t n = 0; n < p.pictures; ++n)
        for (const int64_t row : rows)
            for (const int64_t column : columns) tiles.push_back({n, row, column});
    return tiles;
}

int64_t tile_count(const Problem& p) {
    return p.pictures * static_cast<int64_t>(begins(p, p.out_h, p.top).size() * begins(p, p.out_w, p.left).size());
}

size_t packed_floats(const Problem& p) { return static_cast<size_t>(positions(p) * packed_stride(p)); }

void pack(const Problem& p, const Filters& filters, float* packed) {
    const auto transform = PURNET_PICK(winograd_filter);
    const gemm::Functions gemm = gemm::functions();
    std::vector<int64_t> borders{0};
    const int64_t all = columns_of(p);
    while (borders.back() < all) borders.push_back(gemm.next_panel(all, borders.back() + 1));
    parallel_for(static_cast<int64_t>(borders.size()) - 1, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const int64_t first = borders[i], columns = borders[i + 1] - first;
            const bool last = i + 2 == static_cast<int64_t>(borders.size());
            const int64_t width = last ? gemm.packed_floats(1, all) - first : columns;
            transform(p.tile, p.in, p.out, first, columns, width, filters.weight, filters.out_stride, filters.in_stride, filters.tap_stride,
                      filters.flipped, packed + p.in * first, packed_stride(p));
        }
    });
}

size_t scratch_floats(const Problem& p) {
    const int threads = thread_count();
    const Plan plan = plan_for(p, threads);
    const int64_t inputs = plan.input_floats(p) * (plan.by_columns ? 1 : threads);
    return static_cast<size_t>(inputs + plan.product_floats(p) * threads + lines(p.in));
}

void run(const Problem& p, const float* src, const float* packed, const gemm::Finish& finish, float* out, float* scratch) {
    const Steps steps;
    const int threads = thread_count();
    const Plan plan = plan_for(p, threads);
    const std::vector<Tile> tiles = tiles_of(p);
    const int64_t all = columns_of(p);
    const auto count = static_cast<int64_t>(tiles.size());
    const Image source{p.in_h, p.in_w, p.in};
    float* zeros = scratch;
    std::fill_n(zeros, lines(p.in), 0.0f);
    float* products = zeros + lines(p.in);
    float* inputs = products + plan.product_floats(p) * threads;
    const int64_t top = doubling(p) ? 1 : p.top, left = doubling(p) ? 1 : p.left;
    const auto transform = [&](int64_t first, int64_t last, float* to) {
        steps.input(p.tile, source, src, tiles.data() + first, last - first, top, left, p.dilation, zeros, to, plan.depth_stride(p),
                    plan.input_stride(p));
    };
    if (!plan.by_columns) {
        parallel_for(threads, 1, [&](int64_t first_part, int64_t last_part, int thread) {
            float* my_inputs = inputs + thread * plan.input_floats(p);
            float* my_products = products + thread * plan.product_floats(p);
            for (int64_t part = first_part; part < last_part; ++part)
                for (int64_t t = count * part / threads, end = count * (part + 1) / threads; t < end; t += plan.tiles) {
                    const int64_t stop = std::min(t + plan.tiles, end);
                    transform(t, stop, my_inputs);
                    multiply(steps, p, plan, tiles.data() + t, stop - t, 0, all, my_inputs, packed, finish, my_products, out);
                }
        });
        return;
    }
    for (int64_t t = 0; t < count; t += plan.tiles) {
        const int64_t stop = std::min(t + plan.tiles, count);
        parallel_for(stop - t, 1,
                     [&](int64_t begin, int64_t end) { transform(t + begin, t + end, inputs + begin * plan.depth_stride(p)); });
        parallel_for(threads, 1, [&](int64_t first_part, int64_t last_part, int thread) {
            const int64_t first = steps.gemm.next_panel(all, all * first_part / threads);
            const int64_t last = last_part == threads ? all : steps.gemm.next_panel(all, all * last_part / threads);
            if (first == last) return;
            multiply(steps, p, plan, tiles.data() + t, stop - t, first, last, inputs, packed, finish,
                     products + thread * plan.product_floats(p), out);
        });
    }
}

double estimate(const Problem& p) {
    const double tiles = static_cast<double>(tile_count(p)), in = static_cast<double>(p.in), out = static_cast<double>(columns_of(p));
    const double n = static_cast<double>(positions(p));
    const double rate = isa() == Isa::avx512 ? 30 : isa() == Isa::avx2 ? 15 : 3.5;  // products a cycle
    return tiles * n * in * out / rate + transform_cycles(p, tiles, in + out) +
           weight_bytes(p) / 4;  // weights come from memory: 4 bytes a cycle
}

}  // namespace purnet::winograd
