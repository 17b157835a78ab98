// What the estimate takes for a pass of a convolution on a CUDA device where nothing was measured: kernel, tile, grid. Functions of the
// problem alone, for the launch (conv2d_launch.h, conv2d_sm90.h) and for whoever predicts it without a device (apps/bench/device_model.h).
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_grid.h"
#include "kernels/conv2d/conv2d_runs.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/dtype.h"
#include "kernels/runtime/error.h"
#include "kernels/tile/pixel_grid.h"

namespace purnet::conv2d::implicit {

// Of the data gradient: sizes of the largest phase.
inline Grid grid_of(const Problem& p, Pass pass, TileSize tile = {}) {
    const int64_t in = p.c / p.groups, out = p.o / p.groups;
    if (pass == Pass::forward) return grid_of(p.n * p.out_h() * p.out_w(), out, p.kh * p.kw * in, p.groups, tile);
    if (pass == Pass::backward_weights) return grid_of(out, p.kh * p.kw * in, p.n * p.out_h() * p.out_w(), p.groups, tile);
    const int64_t s = p.stride, taps = ((p.kh + s - 1) / s) * ((p.kw + s - 1) / s);
    return grid_of(p.n * ((p.h + s - 1) / s) * ((p.w + s - 1) / s), in, taps * out, p.groups * s * s, tile);
}

// Of tiles, the largest first, those of which no half lies beyond the result; in front the estimate's: the first of which every
// multiprocessor of a large device gets one, or of a weight gradient, whose long sums are cut anyway, a part of one; the smallest where
// there are not as many.
template <class GridOf>
std::vector<TileSize> tiles_in_turn(Pass pass, std::vector<TileSize> tiles, const GridOf& grid_of_tile) {
    const Grid small = grid_of_tile(TileSize{});
    std::erase_if(tiles, [&](const TileSize& tile) {
        return (tile.rows > tile_size && small.row_tiles == 1) || (tile.columns > tile_size && small.column_tiles == 1);
    });
    auto estimate = std::find_if(tiles.begin(), tiles.end(), [&](const TileSize& tile) {
        const Grid grid = grid_of_tile(tile);
        return grid.tiles() * (pass == Pass::backward_weights ? grid.splits : 1) >= 132;
    });
    if (estimate == tiles.end()) --estimate;
    std::rotate(tiles.begin(), estimate, estimate + 1);
    return tiles;
}
inline std::vector<TileSize> tiles_in_turn(const Problem& p, Pass pass, std::vector<TileSize> tiles) {
    return tiles_in_turn(pass, std::move(tiles), [&](const TileSize& tile) { return grid_of(p, pass, tile); });
}

namespace depthwise {
inline constexpr int most_taps = 49, most_columns = 7;

inline bool takes(const Problem& p) { return p.depthwise() && p.kh * p.kw <= most_taps && p.kw <= most_columns; }
}  // namespace depthwise
namespace single {
inline bool takes(const Problem& p) { return p.c == 1 && p.o == 1 && p.dilation == 1; }
}  // namespace single

namespace sm90 {

// A tile of the result of a kernel for sm_90a (conv2d_wgmma.h), and how many there are of it.
struct Plan {
    int groups = 1, columns = 64;  // WgmmaTile
    Grid grid = {};
};

// What the pixels that the taps move over are, as the copy engine is told.
inline tile::PixelGrid pixels_of(const Problem& p, Pass pass) {
    if (pass != Pass::backward_data) return {p.n, p.h, p.w, p.c, p.out_h(), p.out_w(), p.stride, -p.pads.top, -p.pads.left};
    const auto first = [&](int pad, int64_t kernel) { return static_cast<int>(pad - (kernel - 1) * p.dilation); };
    return {p.n, p.out_h(), p.out_w(), p.o, p.h, p.w, 1, first(p.pads.top, p.kh), first(p.pads.left, p.kw)};
}

inline int64_t tiles_of(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }
// Channels, under each tap.
inline int64_t summed(const Problem& p, Pass pass) { return pass == Pass::forward ? p.c : p.o; }
// Channels; of a weight gradient under each tap.
inline int64_t written(const Problem& p, Pass pass) { return pass == Pass::forward ? p.o : p.c; }

inline int64_t rows_of(const Problem& p, Pass pass) {
    return pass == Pass::forward ? p.n * p.out_h() * p.out_w() : pass == Pass::backward_data ? p.n * p.h * p.w : p.o;
}
inline int64_t steps_of(const Problem& p, Pass pass) {
    if (pass == Pass::backward_weights) return tiles_of(p.n * p.out_h() * p.out_w(), 64);
    return p.kh * p.kw * tiles_of(summed(p, pass), tile::map_row);
}

// Whether these kernels can express the problem and are worth their while: one group, no data gradient but of stride 1, channels that are
// multiples of 8, at least 32 of them in the sum (64 are multiplied in any case), or in and out of a weight gradient; distances that a
// tensor map holds.
inline bool fits(const Problem& p, Pass pass) {
    if (p.groups != 1 || (pass == Pass::backward_data && p.stride != 1)) return false;
    if (p.c % 8 || summed(p, pass) % 8 || summed(p, pass) < 32) return false;
    if (pass == Pass::backward_weights && p.c < 32) return false;
    return tile::fits_pixel_map(pixels_of(p, pass), (p.kh - 1) * p.dilation, (p.kw - 1) * p.dilation);
}

// With the tile {2, 128}, {2, 64} or {1, 64}.
inline Plan plan_with(const Problem& p, Pass pass, int groups, int columns) {
    const int64_t taps = pass == Pass::backward_weights ? p.kh * p.kw : 1;
    Plan plan{groups, columns, {tiles_of(rows_of(p, pass), 64 * groups), taps * tiles_of(written(p, pass), columns), 1}};
    plan.grid.elements = 64 * groups * columns;
    // Two blocks for each of 132 multiprocessors; a part of a sum has at least four steps.
    const int64_t wanted = 264 / plan.grid.tiles(), steps = steps_of(p, pass);
    plan.grid.splits = static_cast<int>(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(steps / 4, 1)));
    plan.grid.most_splits = static_cast<int>(std::clamp<int64_t>(steps / 2, plan.grid.splits, 64));
    return plan;
}

// All tiles that can serve it.
inline std::vector<Plan> plans(const Problem& p, Pass pass) {
    struct Row {
        int groups, columns;
    };
    std::vector<Plan> list;
    for (const Row& tile : {Row{2, 128}, Row{2, 64}, Row{1, 64}})
        if ((tile.columns <= 64 || written(p, pass) > 64) && (tile.groups == 1 || rows_of(p, pass) > 64))
            list.push_back(plan_with(p, pass, tile.groups, tile.columns));
    return list;
}

// The first tile of which every multiprocessor gets one, or of a weight gradient, whose long sums are cut anyway, a part of one; the
// smallest where there are not as many.
inline Plan plan_of(const Problem& p, Pass pass) {
    const std::vector<Plan> all = plans(p, pass);
    for (const Plan& plan : all)
        if (plan.grid.tiles() * (pass == Pass::backward_weights ? plan.grid.splits : 1) >= 132) return plan;
    return all.back();
}

}  // namespace sm90

// Whether operands that lie aligned can be loaded in vectors of so many channels: these lie along the lines of both.
inline bool in_vectors(const Problem& p, Pass pass, int length) {
    return p.c / p.groups % length == 0 && (pass == Pass::forward || p.o / p.groups % length == 0);
}
// Whether conv2d_mma.h takes it all the same: a weight gradient, x in vectors of eight, dy element by element.
inline bool takes_narrow_dy(const Problem& p, Pass pass) {
    return pass == Pass::backward_weights && p.c / p.groups % 8 == 0 && p.o / p.groups % 8 != 0;
}
inline std::vector<TileSize> mma_tiles(const Problem& p, Pass pass) { return tiles_in_turn(p, pass, {{128, 128}, {128, 64}, {64, 64}}); }
inline std::vector<TileSize> run_tiles(const Problem& p, Pass pass) {
    return tiles_in_turn(pass, {{128, 128}, {128, 64}, {64, 64}}, [&](const TileSize& tile) { return runs_grid(p, pass, tile); });
}
inline std::vector<TileSize> tf32_tiles(const Problem& p, Pass pass) { return tiles_in_turn(p, pass, {{128, 128}, {64, 64}}); }

enum class Unit { ordinary, depthwise, single, tf32, mma, runs, wgmma };  // ordinary: conv2d_tile.h; runs: conv2d_runs.h
struct Estimate {
    Unit unit = Unit::ordinary;
    TileSize tile = {};
    Grid grid = {};

    // As Way::name: "wgmma 128x64 in 2 parts".
    std::string name() const {
        constexpr const char* words[] = {"tiles", "depthwise", "single", "tf32", "mma", "runs", "wgmma"};
        const char* const word = words[static_cast<int>(unit)];
        if (unit == Unit::depthwise || unit == Unit::single) return word;
        return concat(word, " ", tile.rows, "x", tile.columns, grid.parts());
    }
};

// The first of ways<T>() (conv2d_ways.h), where T is bf16 or float32, and TF32 is allowed as there; hopper: the device is one of compute
// capability 9.0.
inline Estimate estimate_of(const Problem& p, Pass pass, DType dtype, bool hopper) {
    if (depthwise::takes(p)) return {Unit::depthwise, {}, {}};
    if (single::takes(p)) return {Unit::single, {}, {}};
    const bool narrow = dtype == DType::bf16;
    if (narrow && takes_runs(p, pass)) {
        const TileSize tile = run_tiles(p, pass).front();
        return {Unit::runs, tile, runs_grid(p, pass, tile)};
    }
    const bool taken = in_vectors(p, pass, narrow ? 8 : 4) || (narrow && takes_narrow_dy(p, pass));
    if (!taken || (!narrow && !tf32_allowed())) return {Unit::ordinary, {}, grid_of(p, pass)};
    if (narrow && hopper && sm90::fits(p, pass)) {
        const sm90::Plan plan = sm90::plan_of(p, pass);
        return {Unit::wgmma, {64 * plan.groups, plan.columns}, plan.grid};
    }
    const TileSize tile = (narrow ? mma_tiles(p, pass) : tf32_tiles(p, pass)).front();
    return {narrow ? Unit::mma : Unit::tf32, tile, grid_of(p, pass, tile)};
}

// Whether one launch computes both (conv2d_merged.h), pass being forward or backward_data of either: they differ in nothing but the
// channels that are written, and are products of tiles. The channels that a data gradient writes lie along its weights, and vectors of one
// length load all of them: there they agree modulo 8.
inline bool in_one_launch(Problem a, Problem b, Pass pass, DType dtype) {
    const bool runs = dtype == DType::bf16 && takes_runs(a, pass);
    if (a.groups != 1 || single::takes(a) || single::takes(b) || runs) return false;
    if (pass == Pass::forward)
        a.o = b.o = 1;
    else
        a.c %= 8, b.c %= 8;
    return a == b;
}
// What estimate and measurement take so many of them for: one of as many times the pictures. widest: the one that writes the most channels.
inline Problem as_one(Problem widest, int convolutions) {
    widest.n *= convolutions;
    return widest;
}

}  // namespace purnet::conv2d::implicit
