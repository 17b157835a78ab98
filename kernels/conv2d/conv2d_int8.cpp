#include "kernels/conv2d/conv2d_int8.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/conv2d/conv2d_gather8_simd.h"
#include "kernels/conv2d/conv2d_sweep.h"
#include "kernels/gemm/gemm.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d {
namespace {

int64_t rounded(int64_t n, int64_t unit) { return (n + unit - 1) / unit * unit; }

int64_t row_bytes(gemm::Form8 form, const Sweep& s) { return gemm::groups(form, s.depth()) * 4; }

// The rows of A as they lie in the picture.
bool reads_in_place(gemm::Form8 form, const Sweep& s) {
    return s.in_place && form == gemm::Form8::bytes && s.in % gemm::group_size(form) == 0;
}

int64_t most_rows(gemm::Form8 form, const Sweep& s) { return most_rows_of_block(row_bytes(form, s)); }

int64_t scratch_of(gemm::Form8 form, const Sweep& s) {
    return reads_in_place(form, s) ? 0 : rounded(most_rows(form, s) * row_bytes(form, s), 64);
}

// weight element of output o, tap t, input i of a sweep's B.
int64_t weight_at(const Problem& p, Pass pass, int64_t o, int64_t tap, int64_t i) {
    const int64_t taps = p.kh * p.kw;
    return pass == Pass::forward ? (o * taps + tap) * p.c + i : (i * taps + tap) * p.c + o;
}

// The pieces that a row gathers: taps side by side in the source are one.
std::vector<Piece> pieces_of(const Sweep& s) {
    std::vector<Piece> pieces;
    for (const Tap& tap : s.taps) {
        if (!pieces.empty() && pieces.back().dy == tap.dy && pieces.back().dx + pieces.back().pixels == tap.dx)
            ++pieces.back().pixels;
        else
            pieces.push_back({tap.dy, tap.dx, 1, 0, s.in});
    }
    return pieces;
}

}  // namespace

Quantisation Quantisation::of_range(double low, double high) {
    low = std::min(low, 0.0);
    high = std::max(high, 0.0);
    require(std::isfinite(low) && std::isfinite(high) && high > low, "no 8-bit scale holds the range ", low, " to ", high);
    const auto scale = static_cast<float>((high - low) / 255);
    require(std::isfinite(scale) && scale >= std::numeric_limits<float>::min(), "no 8-bit scale holds the range ", low, " to ", high);
    return {scale, static_cast<int>(std::lround(-low / static_cast<double>(scale)))};
}

bool can_quantise(const Problem& p, Pass pass) {
    const int64_t in = pass == Pass::forward ? p.c : p.o;
    return p.groups == 1 && pass != Pass::backward_weights && p.kh * p.kw * in <= gemm::most_depth;
}

Int8Conv::Int8Conv(const Problem& problem, Pass pass, const Epilogue& epilogue, const Quantisation& x, const Outputs& outputs,
                   const float* weight, const float* bias, gemm::Form8 form)
    : epilogue_(epilogue), x_(x), outputs_(outputs), form_(form), isa_(isa()), threads_(thread_count()) {
    require(can_quantise(problem, pass), "conv2d: sizes that 8 bits cannot do");
    require(outputs.real || outputs.bytes, "conv2d: an 8-bit convolution without an output");
    MemoryScope scope("packed weights");
    const int64_t padded = rounded(pass == Pass::forward ? problem.o : problem.c, 16);
    scale_ = Block(Device{}, static_cast<size_t>(padded) * sizeof(float));
    bias_ = Block(Device{}, static_cast<size_t>(padded) * sizeof(float));
    int64_t bytes = 0;
    for (Sweep& s : sweeps_of(problem, pass)) {
        const int64_t size = rounded(gemm::functions8().packed_bytes(form, s.depth(), s.out), 64);
        parts_.push_back({{}, pieces_of(s), split_for(s.rows(), s.out, threads_, gemm::functions().next_panel), bytes});
        parts_.back().sweep = std::move(s);
        bytes += size;
    }
    packed_ = Block(Device{}, static_cast<size_t>(std::max<int64_t>(bytes, 1)));
    start_ = Block(Device{}, parts_.size() * static_cast<size_t>(padded) * sizeof(int32_t));
    if (weight) pack(problem, pass, weight, bias);
}

void Int8Conv::pack(const Problem& p, Pass pass, const float* weight, const float* bias) {
    const gemm::Functions8 f = gemm::functions8();
    const int64_t out = pass == Pass::forward ? p.o : p.c, in = pass == Pass::forward ? p.c : p.o, taps = p.kh * p.kw;
    const int64_t padded = rounded(out, 16);
    std::memset(scale_.data(), 0, scale_.bytes());
    std::memset(bias_.data(), 0, bias_.bytes());
    auto* scales = static_cast<float*>(scale_.data());
    auto* biases = static_cast<float*>(bias_.data());

    std::vector<int8_t> integers(static_cast<size_t>(p.weight_count()));  // in the order of `weight`
    parallel_for(out, 8, [&](int64_t begin, int64_t end) {
        for (int64_t o = begin; o < end; ++o) {
            float most = 0;
            for (int64_t t = 0; t < taps; ++t)
                for (int64_t i = 0; i < in; ++i) most = std::max(most, std::fabs(weight[weight_at(p, pass, o, t, i)]));
            const auto scale = static_cast<float>(static_cast<double>(most) / 127);
            scales[o] = x_.scale * scale;
            for (int64_t t = 0; t < taps; ++t)
                for (int64_t i = 0; i < in; ++i) {
                    const int64_t at = weight_at(p, pass, o, t, i);
                    const double integer = scale > 0 ? std::round(static_cast<double>(weight[at]) / static_cast<double>(scale)) : 0.0;
                    integers[static_cast<size_t>(at)] = static_cast<int8_t>(std::clamp(integer, -127.0, 127.0));
                }
            biases[o] = bias ? bias[o] : 0.0f;
        }
    });

    std::memset(packed_.data(), 0, packed_.bytes());
    std::memset(start_.data(), 0, start_.bytes());
    auto* start = static_cast<int32_t*>(start_.data());
    for (const Part& part : parts_) {
        const Sweep& s = part.sweep;
        auto* to = static_cast<int8_t*>(packed_.data()) + part.packed_at;
        if (form_ == gemm::Form8::bytes)
            for (const Tap& tap : s.taps)
                for (int64_t o = 0; o < out; ++o)
                    for (int64_t i = 0; i < in; ++i)
                        start[o] -= x_.zero * integers[static_cast<size_t>(weight_at(p, pass, o, tap.index, i))];
        start += padded;
        for (size_t t = 0; t < s.taps.size(); ++t) {
            const int64_t first = weight_at(p, pass, 0, s.taps[t].index, 0);
            f.pack_b(form_, s.in, s.out, integers.data() + first, weight_at(p, pass, 0, s.taps[t].index, 1) - first,
                     weight_at(p, pass, 1, s.taps[t].index, 0) - first, to, s.depth(), static_cast<int64_t>(t) * s.in);
        }
    }
}

std::string Int8Conv::layout() const { return form_ == gemm::Form8::bytes ? "8 bits" : "8 bits in 16"; }

size_t Int8Conv::workspace() const {
    int64_t most = 0;
    for (const Part& part : parts_) most = std::max(most, scratch_of(form_, part.sweep));
    return static_cast<size_t>(std::max<int64_t>(most * threads_, 64));
}

void Int8Conv::run(const uint8_t* x, const float* before, const float* after, float* y, uint8_t* y8, void* workspace) const {
    require(isa() == isa_ && thread_count() == threads_, "a convolution packed for ", purnet::name_of(isa_), " and ", threads_,
            " threads is run under ", purnet::name_of(isa()), " and ", thread_count());
    require((before != nullptr) == epilogue_.before && (after != nullptr) == epilogue_.after && (y != nullptr) == outputs_.real &&
                (y8 != nullptr) == outputs_.bytes.has_value(),
            "an 8-bit convolution's operands are not those it was made for");
    const gemm::Functions8 f = gemm::functions8();
    const auto next_panel = gemm::functions().next_panel;
    const auto gather = PURNET_PICK(gather_bytes);
    const gemm::Finish8 finish{.scale = static_cast<const float*>(scale_.data()),
                               .bias = static_cast<const float*>(bias_.data()),
                               .slope = epilogue_.slope,
                               .top = epilogue_.top,
                               .q_scale = outputs_.bytes ? 1 / outputs_.bytes->scale : 1,
                               .q_zero = outputs_.bytes ? static_cast<float>(outputs_.bytes->zero) : 0};
    const auto* start = static_cast<const int32_t*>(start_.data());
    for (const Part& part : parts_) {
        const Sweep& s = part.sweep;
        const Split& split = part.split;
        const std::vector<Piece>& pieces = part.pieces;
        const int8_t* packed = static_cast<const int8_t*>(packed_.data()) + part.packed_at;
        const bool in_place = reads_in_place(form_, s);
        const int64_t at_once = rows_of_block((s.rows() + split.rows - 1) / split.rows, most_rows(form_, s)),
                      scratch = scratch_of(form_, s), row = row_bytes(form_, s);
        parallel_for(split.rows * split.columns, 1, [&](int64_t first_task, int64_t last_task, int thread) {
            auto* gathered = static_cast<uint8_t*>(workspace) + thread * scratch;
            for (int64_t task = first_task; task < last_task; ++task) {
                const int64_t row_part = task / split.columns, column_part = task % split.columns;
                const int64_t row_begin = s.rows() * row_part / split.rows, row_end = s.rows() * (row_part + 1) / split.rows;
                const int64_t column_begin = split.column_borders[column_part], column_end = split.column_borders[column_part + 1];
                for (int64_t m = row_begin; m < row_end && column_begin < column_end; m += at_once) {
                    const int64_t m_end = std::min(m + at_once, row_end);
                    const uint8_t* a = in_place ? x + m * s.grid.stride : gathered;
                    const int64_t a_step = in_place ? s.grid.stride : row;
                    if (!in_place)
                        gather(form_ == gemm::Form8::words, x_.zero, s.grid, x, pieces.data(), static_cast<long>(pieces.size()), m, m_end,
                               gathered, row);
                    for (int64_t column = column_begin; column < column_end;) {
                        const int64_t next = next_panel(s.out, column + 1);
                        for (int64_t r = m; r < m_end;) {
                            const Segment segment = segment_from(s, r, m_end);
                            const int64_t at = segment.at + column;
                            gemm::Finish8 here = finish;
                            if (before) here.before = before + at;
                            if (after) here.after = after + at;
                            f.run({.form = form_,
                                   .m = segment.count,
                                   .n = s.out,
                                   .k = s.depth(),
                                   .a = a + (r - m) * a_step,
                                   .row_bytes = a_step,
                                   .b = packed,
                                   .start = start,
                                   .c = y ? y + at : nullptr,
                                   .q = y8 ? y8 + at : nullptr,
                                   .ldc = segment.stride},
                                  here, column, next);
                            r += segment.count;
                        }
                        column = next;
                    }
                }
            }
        });
        start += rounded(s.out, 16);
    }
}

}  // namespace purnet::conv2d
