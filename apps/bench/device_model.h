// What a kernel takes on a device that is not at hand, from its bytes, operations, waves and launches: predictions for a later
// measurement to test (`bench predicted`; `bench ops` and `bench ways` on a device print both). Assumptions:
//   - An H200 has 132 multiprocessors. Peers measured 4.3 TB/s in a copy, counting both ways, and 780 TFLOP/s in a bf16 product by wgmma.
//     By mma.sync Hopper reaches 63 % of that (Luo et al., "Benchmarking and dissecting the Nvidia Hopper GPU architecture", 2024), in TF32
//     half as much.
//   - 1.755 GHz, the clock under load. A multiprocessor then passes 128 bytes a clock through shared memory, takes 64 from the second cache
//     and does 256 float32 operations (NVIDIA's guides; the H100 and A100 white papers). Loops on ordinary cores reach half of the
//     latter: loads, addresses and barriers share the slots of issue. The second cache gives 5.5 TB/s to all together: what
//     microbenchmarks of the H100 report at least, and the least certain figure here; its slices could pass about 10.
//   - Operands come from memory: nothing is left in the second cache (50 to 60 MB) by the kernel ahead. Where something is, it is faster.
//   - A launch takes 3 us that nothing hides, 1 us where it overlaps the kernel ahead (docs/gpu.md) in a recorded graph.
// A convolution takes the way of the estimate (conv2d_estimate.h). A block brings each step of its operands from the second cache, passes
// it through shared memory and multiplies it, all at once: the slowest counts. Blocks go in waves of as many as fit; in a wave, the second
// cache is shared by its blocks, the rest by those of one multiprocessor. So the last wave, with few blocks, is bound by what one block can
// do. The kernel multiplies whole steps of its sum, whatever pads the last. Where operands are copied in less than 16 bytes (conv2d_runs.h:
// x in pairs, weights one by one; dy of a head one by one), the instructions of the loop count, copies of padding too; of four a clock, 0.7
// are issued; pixels that windows share come from the first cache. All phases of a strided data gradient count as alike. The result, sums
// in parts, and maps that an epilogue reads go through the second cache as well. Not modelled: latency (a step waits for none of its
// bytes), bank conflicts, clocks that fall, what epilogues compute, and the tail of passes over memory. All of these make a kernel slower
// than it says.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "kernels/conv2d/conv2d_estimate.h"
#include "kernels/runtime/error.h"

namespace purnet::bench {

struct DeviceModel {
    const char* name = "H200";
    double multiprocessors = 132;
    double copy = 4.3e12, second_cache = 5.5e12;     // bytes a second
    double clock = 1.755e9;                          // a second
    double shared = 128, port = 64, ordinary = 256;  // of a multiprocessor, a clock: bytes, bytes, operations
    double ordinary_share = 0.5;
    double issued = 4 * 0.7;                                 // instructions of warps, of a multiprocessor, a clock
    double wgmma = 780e12, mma = 490e12, mma_tf32 = 245e12;  // operations a second
    double launch = 3, overlapped = 1;                       // microseconds

    double ordinary_rate() const { return multiprocessors * clock * ordinary * ordinary_share; }
    double rate_of(conv2d::implicit::Unit unit) const {
        using conv2d::implicit::Unit;
        return unit == Unit::wgmma                       ? wgmma
               : unit == Unit::mma || unit == Unit::runs ? mma
               : unit == Unit::tf32                      ? mma_tf32
                                                         : ordinary_rate();
    }
};

struct Convolution {
    conv2d::Problem problem;
    conv2d::Pass pass = conv2d::Pass::forward;
};

struct Work {
    double bytes = 0, flops = 0;
    int launches = 1;
    double beside = 0;    // bytes of launches behind a convolution: the sums of a bias's gradient
    double epilogue = 0;  // bytes of other maps that a convolution's epilogue reads or writes
    std::optional<Convolution> convolution = {};
};

struct Prediction {
    double microseconds = 0;  // launches included
    std::string limit;        // what decides: "memory", "second cache", "tensor cores", ...
    std::string way = {};     // of a convolution: "wgmma 128x128, 400 blocks, 4 waves"
    // Microseconds of each alone, in whole waves but for memory and second cache, which all blocks share; 0: takes no part.
    double memory = 0, second_cache = 0, shared = 0, cores = 0, launches = 0;
};

// A block of a convolution.
struct BlockWork {
    double second_cache = 0, shared = 0, flops = 0;
    double instructions = 0;  // where operands are copied in less than 16 bytes
    int resident = 1;         // so many share a multiprocessor
};

// Terms of a sum as its kernel multiplies them: in whole steps, of each tap (conv2d_wgmma.h) or of the sum. Of a strided data gradient the
// average of its phases.
inline double multiplied_terms(const conv2d::Problem& p, conv2d::Pass pass, conv2d::implicit::Unit unit) {
    using conv2d::Pass;
    using conv2d::implicit::Unit;
    if (unit == Unit::wgmma) return 64 * static_cast<double>(conv2d::implicit::sm90::steps_of(p, pass));
    const int64_t step = unit == Unit::ordinary ? 16 : unit == Unit::tf32 ? 32 : 64;
    const auto whole = [&](int64_t terms) { return static_cast<double>((terms + step - 1) / step * step); };
    if (pass == Pass::backward_weights) return whole(p.n * p.out_h() * p.out_w());
    if (unit == Unit::runs) return whole(p.kh * conv2d::implicit::runs_of(p).length);
    if (pass == Pass::forward) return whole(p.kh * p.kw * (p.c / p.groups));
    const auto taps = [&](int64_t kernel, int64_t place) {
        int64_t meet = 0;
        for (int64_t tap = 0; tap < kernel; ++tap) meet += (place - tap * p.dilation) % p.stride == 0;
        return meet;
    };
    double sum = 0;
    for (int y = 0; y < p.stride; ++y)
        for (int x = 0; x < p.stride; ++x) sum += whole(taps(p.kh, y + p.pads.top) * taps(p.kw, x + p.pads.left) * (p.o / p.groups));
    return sum / (p.stride * p.stride);
}

// Instructions of a warp for a copy, and for a matrix instruction with what loads its operands: counted in the loops of mma_kernel in the
// code that nvcc 13.0 makes for sm_90 of RunCorrelation, RunWeightGradient and NarrowWeightGradient, the walk to the next row of pixels
// left out. Of a pair, 15 are its address and 3 are reads of shared memory that the compiler puts before each such copy.
inline constexpr double copies_pair = 34, copies_eight = 30, copies_weight = 29, copies_dy = 18, multiplies = 2;

inline BlockWork block_of(const Convolution& c, const conv2d::implicit::Estimate& e, DType dtype) {
    using conv2d::Pass;
    using conv2d::implicit::Unit;
    const conv2d::Problem& p = c.problem;
    const bool weights = c.pass == Pass::backward_weights;
    const auto results = static_cast<double>(c.pass == Pass::forward ? p.y_count() : weights ? p.weight_count() : p.x_count());
    const auto tiles = static_cast<double>(e.grid.tiles());
    const double parts = e.grid.splits;
    // What lies inside of a tile, on average: its borders are not loaded.
    const auto column_tiles = static_cast<double>(e.grid.column_tiles);
    const auto channels = static_cast<double>((c.pass == Pass::forward ? p.o : p.c) / p.groups);
    const double columns =
        std::min<double>(e.tile.columns, (weights ? channels * static_cast<double>(p.kh * p.kw) : channels) / column_tiles);
    const double rows = results / tiles / columns;
    const double terms = p.flops() / 2 / results / parts;
    const double size = dtype == DType::bf16 ? 2 : 4, result_size = weights ? 4 : size;
    BlockWork block;
    double operands = terms * (rows + columns) * size;
    if (e.unit == Unit::runs) {
        const double of_a_pixel = static_cast<double>(p.stride * p.c);  // elements of a picture's row
        const double tap_rows = static_cast<double>(p.kh) / (weights ? column_tiles : parts), pixels = weights ? terms : rows;
        operands = (pixels * of_a_pixel * tap_rows + (weights ? rows : columns) * terms) * size;
    }
    block.second_cache = operands + rows * columns * (parts > 1 ? 8 + result_size / parts : result_size);
    // Borders are multiplied all the same.
    const double r = e.tile.rows, k = e.tile.columns, multiplied = multiplied_terms(p, c.pass, e.unit) / parts;
    block.flops = 2 * multiplied * r * k;
    const bool narrow_dy = e.unit == Unit::mma && conv2d::implicit::takes_narrow_dy(p, c.pass);
    if (e.unit == Unit::runs || narrow_dy) {
        // For each element of a line of A and of B.
        const double of_a = narrow_dy ? copies_dy : weights ? copies_eight / 8 : copies_pair / 2;
        const double of_b = narrow_dy ? copies_eight / 8 : weights ? copies_pair / 2 : copies_weight;
        block.instructions = multiplied * ((r * of_a + k * of_b) / 32 + multiplies * r * k / (16 * 8 * 16));
    }
    if (e.unit == Unit::wgmma) {
        block.shared = multiplied * size * (2 * r + k * (1 + r / 64));
        block.resident = k == 128 ? 1 : r == 128 ? 2 : 3;
    } else if (e.unit != Unit::ordinary) {
        block.shared = multiplied * size * (r * (1 + k / 32) + 3 * k);  // in once, then to each row or column of warps
        block.resident = k == 128 ? 1 : r == 128 ? 2 : 4;
    } else {
        block.shared = multiplied * 4 * (r + k) * 7;  // of float32: in once, then a vector of A and two of B for each of eight warps
        block.resident = 4;
    }
    return block;
}

inline Prediction predict_product(const DeviceModel& d, const Work& work, const conv2d::implicit::Estimate& e, DType dtype, double launch) {
    using conv2d::implicit::Unit;
    const BlockWork block = block_of(*work.convolution, e, dtype);
    const double multiplied = block.flops * d.multiprocessors / d.rate_of(e.unit), issued = block.instructions / (d.issued * d.clock);
    const double products = std::max(multiplied, issued), shared = block.shared / (d.shared * d.clock);
    const auto blocks = static_cast<double>(e.grid.tiles() * e.grid.splits);
    const double moved = block.second_cache + work.epilogue / blocks;
    const double own = std::max({products, shared, moved / (d.port * d.clock)});
    const double slots = block.resident * d.multiprocessors, full = std::floor(blocks / slots), rest = blocks - full * slots;
    const auto from_cache = [&](double n) { return n * moved / d.second_cache; };
    // Where each block takes so long and those of one multiprocessor take turns.
    const auto in_turn = [&](double n, double each) { return std::ceil(n / d.multiprocessors) * each; };
    const auto in_waves = [&](double each) { return full * in_turn(slots, each) + in_turn(rest, each); };
    const double waves = full * std::max(from_cache(slots), in_turn(slots, own)) + std::max(from_cache(rest), in_turn(rest, own));
    const double memory = (work.bytes + work.epilogue) / d.copy;
    Prediction p{.microseconds = 1e6 * (std::max(waves, memory) + work.beside / d.copy) + work.launches * launch,
                 .limit = "second cache",
                 .way = concat(e.name(), ", ", e.grid.tiles() * e.grid.splits, " blocks, ", static_cast<int64_t>(full) + (rest > 0),
                               full + (rest > 0) > 1 ? " waves" : " wave"),
                 .memory = 1e6 * (memory + work.beside / d.copy),
                 .second_cache = 1e6 * from_cache(blocks),
                 .shared = 1e6 * in_waves(shared),
                 .cores = 1e6 * in_waves(products),
                 .launches = work.launches * launch};
    if (memory > waves)
        p.limit = "memory";
    else if (in_waves(own) > from_cache(blocks))
        p.limit = own == products ? (e.unit == Unit::ordinary ? "ordinary cores"
                                     : issued > multiplied    ? "instructions"
                                                              : "tensor cores")
                  : own == shared ? "shared memory"
                                  : "last wave";
    return p;
}

// launch: microseconds of each.
inline Prediction predict(const DeviceModel& d, const Work& work, DType dtype, double launch) {
    using conv2d::implicit::Unit;
    std::string way;
    if (const std::optional<Convolution>& c = work.convolution) {
        const conv2d::implicit::Estimate e = conv2d::implicit::estimate_of(c->problem, c->pass, dtype, true);
        if (e.unit != Unit::depthwise && e.unit != Unit::single) return predict_product(d, work, e, dtype, launch);
        way = e.name();
    }
    const double memory = 1e6 * (work.bytes + work.epilogue + work.beside) / d.copy, cores = 1e6 * work.flops / d.ordinary_rate();
    const double longest = std::max(memory, cores + 1e6 * work.beside / d.copy), launches = work.launches * launch;
    return {.microseconds = longest + launches,
            .limit = launches > longest ? "launch"
                     : cores > memory   ? "ordinary cores"
                                        : "memory",
            .way = way,
            .memory = memory,
            .cores = cores,
            .launches = launches};
}

}  // namespace purnet::bench
