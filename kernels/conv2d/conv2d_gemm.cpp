#include "kernels/conv2d/conv2d_gemm.h"

#include <algorithm>
#include <vector>

#include "kernels/conv2d/conv2d_sweep.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d::implicit {
namespace {

constexpr int64_t depth_limit = 512;  // K of one block

// One block of K.
struct Block {
    std::vector<Piece> pieces;
    int64_t depth = 0;
    int64_t packed_at = 0;  // floats from the start of the sweep's B
};

// A sweep with its K cut into blocks, and where their weights lie.
struct CutSweep : Sweep {
    std::vector<Block> blocks;
    int64_t packed_at = 0;  // floats from the start of B
};

void cut_into_blocks(CutSweep& sweep, int64_t source_channels) {
    const auto packed = gemm::functions().packed_floats;
    int64_t at = 0;
    const auto begin = [&] {
        if (!sweep.blocks.empty()) at += packed(sweep.blocks.back().depth, sweep.out);
        sweep.blocks.push_back({{}, 0, at});
    };
    begin();
    const auto add = [&](Piece piece) {
        const int64_t depth = piece.pixels * piece.channels;
        if (sweep.blocks.back().depth && sweep.blocks.back().depth + depth > depth_limit) begin();
        Block& block = sweep.blocks.back();
        // Side by side in the source and whole pixels: one longer copy.
        if (!block.pieces.empty() && piece.channels == source_channels) {
            Piece& last = block.pieces.back();
            if (last.channels == piece.channels && last.dy == piece.dy && last.dx + last.pixels == piece.dx) {
                last.pixels += piece.pixels;
                block.depth += depth;
                return;
            }
        }
        block.pieces.push_back(piece);
        block.depth += depth;
    };
    const int64_t parts = (sweep.in + depth_limit - 1) / depth_limit;
    for (const Tap& tap : sweep.taps)
        for (int64_t part = 0; part < parts; ++part) {
            const int64_t first = sweep.in * part / parts, last = sweep.in * (part + 1) / parts;
            add({tap.dy, tap.dx, 1, first, last - first});
        }
}

std::vector<CutSweep> cut_sweeps_of(const Problem& p, Pass pass) {
    const auto packed = gemm::functions().packed_floats;
    std::vector<CutSweep> list;
    int64_t at = 0;
    for (Sweep& sweep : sweeps_of(p, pass)) {
        CutSweep& s = list.emplace_back(CutSweep{std::move(sweep), {}, at});
        if (s.taps.empty()) continue;
        cut_into_blocks(s, s.grid.stride);
        for (const Block& block : s.blocks) at += packed(block.depth, s.out) * p.groups;
    }
    return list;
}

int64_t deepest_block(const CutSweep& sweep) {
    int64_t depth = 0;
    for (const Block& block : sweep.blocks) depth = std::max(depth, block.depth);
    return depth;
}

int64_t most_rows(const CutSweep& sweep) { return most_rows_of_block(deepest_block(sweep) * static_cast<int64_t>(sizeof(float))); }

int64_t scratch_of(const CutSweep& sweep) { return sweep.in_place ? 0 : (most_rows(sweep) * deepest_block(sweep) + 31) / 16 * 16; }

gemm::Finish shifted(const gemm::Finish& f, int64_t at, int64_t column) {
    gemm::Finish r = f;
    if (r.bias) r.bias += column;
    if (r.before) r.before += at;
    if (r.after) r.after += at;
    return r;
}

// A phase without taps: nothing but the finish.
void fill_without_taps(const Sweep& s, float* out, int64_t group_offset, const gemm::Finish& finish) {
    const auto apply = gemm::functions().finish;
    const bool plain = finish.slope == 1 && finish.top == __builtin_inff() && !finish.before && !finish.after;
    parallel_for(s.rows(), 1024, [&](int64_t begin, int64_t end) {
        for (int64_t m = begin; m < end; ++m) {
            const int64_t at = segment_from(s, m, m + 1).at + group_offset;
            const gemm::Finish f = shifted(finish, at, group_offset);
            if (f.bias)
                std::copy_n(f.bias, s.out, out + at);
            else
                std::fill_n(out + at, s.out, 0.0f);
            if (!plain) apply(1, s.out, out + at, s.out, f);
        }
    });
}

void run_sweep(const CutSweep& s, int64_t group, const float* src, const float* packed, const gemm::Finish& finish, float* out,
               float* scratch) {
    const auto gather = PURNET_PICK(gather_rows);
    const auto run = gemm::functions().run;
    const auto next_panel = gemm::functions().next_panel;
    const int64_t in_offset = group * s.in, out_offset = group * s.out;
    if (s.blocks.empty()) return fill_without_taps(s, out, out_offset, finish);
    const int64_t part = scratch_of(s);
    const Split split = split_for(s.rows(), s.out, thread_count(), next_panel);
    const int64_t at_once = rows_of_block((s.rows() + split.rows - 1) / split.rows, most_rows(s));
    parallel_for(split.rows * split.columns, 1, [&](int64_t first_task, int64_t last_task, int thread) {
        float* gathered = scratch + thread * part;
        for (int64_t task = first_task; task < last_task; ++task) {
            const int64_t row_part = task / split.columns, column_part = task % split.columns;
            const int64_t row_begin = s.rows() * row_part / split.rows, row_end = s.rows() * (row_part + 1) / split.rows;
            const int64_t column_begin = split.column_borders[column_part], column_end = split.column_borders[column_part + 1];
            if (column_begin >= column_end) continue;
            for (int64_t m = row_begin; m < row_end; m += at_once) {
                const int64_t m_end = std::min(m + at_once, row_end);
                for (size_t b = 0; b < s.blocks.size(); ++b) {
                    const Block& block = s.blocks[b];
                    const float* a = src + m * s.grid.stride + in_offset + block.pieces[0].channel;
                    int64_t lda = s.grid.stride;
                    if (!s.in_place) {
                        a = gathered, lda = block.depth;
                        gather(s.grid, src + in_offset, block.pieces.data(), static_cast<long>(block.pieces.size()), m, m_end, gathered,
                               lda);
                    }
                    const bool last = b + 1 == s.blocks.size();
                    gemm::Finish f = last ? finish : gemm::Finish{};
                    f.accumulate = b > 0;
                    for (int64_t column = column_begin; column < column_end;) {
                        const int64_t next = next_panel(s.out, column + 1);
                        for (int64_t r = m; r < m_end;) {
                            const Segment segment = segment_from(s, r, m_end);
                            run({.m = segment.count,
                                 .n = s.out,
                                 .k = block.depth,
                                 .a = a + (r - m) * lda,
                                 .lda = lda,
                                 .b = packed + block.packed_at,
                                 .c = out + segment.at + out_offset + column,
                                 .ldc = segment.stride},
                                shifted(f, segment.at + out_offset + column, out_offset + column), column, next);
                            r += segment.count;
                        }
                        column = next;
                    }
                }
            }
        }
    });
}

int64_t packed_of(const CutSweep& s) {
    int64_t floats = 0;
    for (const Block& block : s.blocks) floats += gemm::functions().packed_floats(block.depth, s.out);
    return floats;
}

}  // namespace

size_t packed_floats(const Problem& problem, Pass pass) {
    int64_t floats = 0;
    for (const CutSweep& s : cut_sweeps_of(problem, pass)) floats += packed_of(s) * problem.groups;
    return static_cast<size_t>(floats);
}

void pack(const Problem& p, Pass pass, const float* weight, float* packed) {
    const auto pack_b = gemm::functions().pack_b;
    const int64_t in_group = p.c / p.groups, out_group = p.o / p.groups, taps = p.kh * p.kw;
    for (const CutSweep& s : cut_sweeps_of(p, pass)) {
        // Every tap of every block of every group is packed on its own.
        struct Job {
            const Block* block;
            int64_t tap, channel, channels, first, group;
        };
        std::vector<Job> jobs;
        for (int64_t group = 0; group < p.groups; ++group) {
            size_t tap = 0;
            for (const Block& block : s.blocks) {
                int64_t first = 0;
                for (const Piece& piece : block.pieces)
                    for (int64_t pixel = 0; pixel < piece.pixels; ++pixel) {
                        jobs.push_back({&block, s.taps[tap].index, piece.channel, piece.channels, first, group});
                        first += piece.channels;
                        if (piece.channel + piece.channels == s.in) ++tap;
                    }
            }
        }
        parallel_for(static_cast<int64_t>(jobs.size()), 1 + 65536 / std::max<int64_t>(s.in * s.out, 1), [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                const Job& job = jobs[static_cast<size_t>(i)];
                float* to = packed + s.packed_at + job.group * packed_of(s) + job.block->packed_at;
                const float* from = weight + job.group * out_group * taps * in_group;
                if (pass == Pass::forward)
                    pack_b(job.channels, s.out, from + job.tap * in_group + job.channel, 1, taps * in_group, to, job.block->depth,
                           job.first);
                else
                    pack_b(job.channels, s.out, from + (job.channel * taps + job.tap) * in_group, taps * in_group, 1, to, job.block->depth,
                           job.first);
            }
        });
    }
}

size_t scratch_floats(const Problem& problem, Pass pass) {
    int64_t floats = 0;
    for (const CutSweep& s : cut_sweeps_of(problem, pass)) floats = std::max(floats, scratch_of(s));
    return static_cast<size_t>(floats * thread_count());
}

void run(const Problem& problem, Pass pass, const float* src, const float* packed, const gemm::Finish& finish, float* out, float* scratch) {
    for (const CutSweep& s : cut_sweeps_of(problem, pass))
        for (int64_t group = 0; group < problem.groups; ++group)
            run_sweep(s, group, src, packed + s.packed_at + group * packed_of(s), finish, out, scratch);
}

}  // namespace purnet::conv2d::implicit
