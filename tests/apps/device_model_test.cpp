// The model behind `bench predicted`, against rows computed by hand.
#include "apps/bench/device_model.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <set>
#include <sstream>

#include "apps/bench/convolution_of_case.h"
#include "kernels/record/record.h"
#include "kernels/runtime/arithmetic.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"

namespace purnet {
namespace {

using bench::Convolution;
using bench::DeviceModel;
using bench::Prediction;
using bench::Work;
using conv2d::Pass;
using conv2d::Problem;

const DeviceModel device;

// Bytes of a convolution in bf16, each operand once.
Work work_of(const Convolution& c) {
    const double weight_size = c.pass == Pass::backward_weights ? 4 : 2;
    return {
        2.0 * static_cast<double>(c.problem.x_count() + c.problem.y_count()) + weight_size * static_cast<double>(c.problem.weight_count()),
        c.problem.flops(),
        1,
        0,
        0,
        c};
}
Prediction predicted(const Problem& p, Pass pass) { return bench::predict(device, work_of({p, pass}), DType::bf16, device.launch); }

Problem same(int64_t size, int64_t c, int64_t o, int64_t k, int dilation = 1) {
    const int pad = static_cast<int>(k / 2) * dilation;
    return {.n = 8, .h = size, .w = size, .c = c, .o = o, .kh = k, .kw = k, .pads = {pad, pad, pad, pad}, .dilation = dilation};
}

}  // namespace

TEST_CASE("device model: a convolution ends with the last wave, whose few blocks are bound by what one of them can do") {
    // 128 x 128 tiles, one a multiprocessor: 18 steps of 64 terms bring 589,824 bytes, the result takes 32,768.
    // A wave of 132: 82.2 MB at 5.5 TB/s, 14.94 us, three times. Four more: 1,474,560 bytes through shared memory, 6.56 us; a launch 3 us.
    const Prediction first = predicted(same(80, 128, 128, 3), Pass::forward);
    CHECK(first.way == "wgmma 128x128, 400 blocks, 4 waves");
    CHECK(first.microseconds == doctest::Approx(3 * 14.942 + 6.564 + 3).epsilon(1e-3));
    // 144 tiles: 50 steps of 64 pixels bring 1,638,400 bytes, the float32 result takes 65,536: 40.89 us for 132 blocks, then 18.23.
    const Prediction weights = predicted(same(20, 512, 512, 3, 4), Pass::backward_weights);
    CHECK(weights.way == "wgmma 128x128, 144 blocks, 2 waves");
    CHECK(weights.microseconds == doctest::Approx(40.894 + 18.234 + 3).epsilon(1e-3));
}

TEST_CASE("device model: stores go through the second cache, and a transposed convolution moves each map once") {
    // One step: 32,768 bytes in, 32,768 out. Six waves of 1.573 us; eight blocks more take 0.584 us, 64 bytes a clock each.
    const Prediction wide = predicted(same(80, 64, 256, 1), Pass::forward);
    CHECK(wide.limit == "second cache");
    CHECK(wide.microseconds == doctest::Approx(6 * 1.5729 + 0.5835 + 3).epsilon(1e-3));
    // x 3.3 MB, weight 0.5 MB, y 13.1 MB. Four phases of 100 tiles, 512 terms each, by mma: waves of 7.08 us, then 4.67 by shared memory.
    const Problem up{.n = 8, .h = 80, .w = 80, .c = 128, .o = 128, .kh = 4, .kw = 4, .stride = 2, .pads = {1, 1, 1, 1}};
    const Work work = work_of({up, Pass::backward_data});
    CHECK(work.bytes == doctest::Approx(16.9e6).epsilon(1e-2));
    const Prediction p = bench::predict(device, work, DType::bf16, device.launch);
    CHECK(p.way == "mma 128x128, 400 blocks, 4 waves");
    CHECK(p.microseconds == doctest::Approx(3 * 7.078 + 4.668 + 3).epsilon(1e-3));
}

TEST_CASE(
    "device model: passes over memory by their bytes, channels that fit no tensor core by ordinary cores, short kernels by the launch") {
    const Prediction update = bench::predict(device, {20.0 * 35528122, 6.0 * 35528122}, DType::f32, device.launch);
    CHECK(update.limit == "memory");
    CHECK(update.microseconds == doctest::Approx(165.25 + 3).epsilon(1e-3));
    CHECK(bench::predict(device, {1e6, 0, 2}, DType::f32, device.launch).limit == "launch");
    // 3,200 tiles of 64 x 64 in four to a multiprocessor: six waves and 32 blocks; 147 terms are ten steps of 16, a block 2 x 160 x 4096
    // operations at 224.6 GFLOP/s.
    const Problem stem{.n = 8, .h = 320, .w = 320, .c = 3, .o = 64, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}};
    const Prediction p = bench::predict(device, work_of({stem, Pass::forward}), DType::f32, device.launch);
    CHECK(p.limit == "ordinary cores");
    CHECK(p.microseconds == doctest::Approx((6 * 4 + 1) * 5.8345 + 3).epsilon(1e-3));
    // In bf16 by runs, 1,600 tiles of 128 x 64 in two to a multiprocessor, six waves and 16. 192 terms: 64 pairs of a pixel and 64 single
    // weights are two copies of a warp each, 384 of 34 instructions and 384 of 29, and 768 matrix instructions of 2, 25,728 in all, 5.236
    // us. From the second cache seven rows of 256 pixels of three channels, and 64 weights for each of the 147 terms that are any.
    const Prediction runs = predicted(stem, Pass::forward);
    CHECK(runs.way == "runs 128x64, 1600 blocks, 7 waves");
    CHECK(runs.limit == "instructions");
    CHECK(runs.microseconds == doctest::Approx((6 * 2 + 1) * 5.2357 + 3).epsilon(1e-3));
    CHECK(runs.second_cache == doctest::Approx(1600 * (10752 + 18816 + 16384) / 5.5e6).epsilon(1e-3));
}

TEST_CASE("device model: what is copied in less than 16 bytes takes instructions") {
    // 264 blocks of 64 x 64, two to a multiprocessor. A pixel is 32 pairs of x, a copy of a warp, 8 vectors of dy, a quarter
    // of one, and two matrix instructions: 45.5 instructions; a block has an 88th of 204,800 pixels.
    const Problem stem{.n = 8, .h = 320, .w = 320, .c = 3, .o = 64, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}};
    const Prediction weights = predicted(stem, Pass::backward_weights);
    CHECK(weights.way == "runs 64x64 in 88 parts, 264 blocks, 1 wave");
    CHECK(weights.cores == doctest::Approx(2 * 204800 / 88.0 * (34 + 30 / 4.0 + 4) / (2.8 * 1755)).epsilon(1e-3));
    // A head's: 64 elements of dy one by one, two copies, and 8 vectors of x.
    const Problem head{.n = 8, .h = 80, .w = 80, .c = 128, .o = 1};
    const Prediction narrow = predicted(head, Pass::backward_weights);
    CHECK(narrow.way == "mma 64x64 in 132 parts, 264 blocks, 1 wave");
    CHECK(narrow.limit == "instructions");
    CHECK(narrow.cores == doctest::Approx(2 * 51200 / 132.0 * (2 * 18 + 30 / 4.0 + 4) / (2.8 * 1755)).epsilon(1e-3));
    CHECK(narrow.microseconds == doctest::Approx(7.499 + 3).epsilon(1e-3));
}

TEST_CASE("device model: kernels multiply whole steps of a sum") {
    using bench::multiplied_terms;
    using conv2d::implicit::Unit;
    const Problem p{.n = 1, .h = 10, .w = 10, .c = 40, .o = 72, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 1, 1, 1}};
    CHECK(multiplied_terms(p, Pass::forward, Unit::wgmma) == 9 * 64);
    CHECK(multiplied_terms(p, Pass::forward, Unit::mma) == 384);
    CHECK(multiplied_terms(p, Pass::forward, Unit::tf32) == 384);
    CHECK(multiplied_terms(p, Pass::forward, Unit::ordinary) == 368);
    CHECK(multiplied_terms(p, Pass::backward_weights, Unit::wgmma) == 64);
    CHECK(multiplied_terms(p, Pass::backward_weights, Unit::ordinary) == 32);
    // One, two, two and four taps of 72 channels meet the pixels of the four phases.
    CHECK(multiplied_terms(p, Pass::backward_data, Unit::mma) == (128 + 192 + 192 + 320) / 4);
    Problem whole = p;
    whole.stride = 1;
    CHECK(multiplied_terms(whole, Pass::backward_data, Unit::wgmma) == 9 * 128);
    CHECK(multiplied_terms(whole, Pass::backward_data, Unit::mma) == 704);
    // So 32 channels cost as 64, but for what they move; and the data gradient of a head 16 terms in place of one, on ordinary cores.
    const Prediction few = predicted(same(80, 32, 64, 3), Pass::forward), twice = predicted(same(80, 64, 64, 3), Pass::forward);
    CHECK(few.way == "wgmma 128x64, 400 blocks, 2 waves");
    CHECK(few.cores == doctest::Approx(twice.cores));
    CHECK(few.shared == doctest::Approx(twice.shared));
    CHECK(few.second_cache < twice.second_cache);
    const Prediction head = predicted({.n = 8, .h = 80, .w = 80, .c = 128, .o = 1}, Pass::backward_data);
    CHECK(head.way == "tiles 64x64, 1600 blocks, 4 waves");
    CHECK(head.limit == "ordinary cores");
    CHECK(head.cores == doctest::Approx(13 * 2 * 16 * 4096.0 / 224640).epsilon(1e-3));
}

TEST_CASE("device model: parts of a prediction, each alone; TF32 where it is allowed") {
    // As above: 400 blocks of 622,592 bytes; 128 x 128 x 1152 x 2 operations at 780 / 132 TFLOP/s, four times one after the other.
    const Prediction p = predicted(same(80, 128, 128, 3), Pass::forward);
    CHECK(p.memory == doctest::Approx((26.2144 + 0.2949) / 4.3).epsilon(1e-3));
    CHECK(p.second_cache == doctest::Approx(400 * 0.622592 / 5.5).epsilon(1e-3));
    CHECK(p.cores == doctest::Approx(4 * 37.7487 * 132 / 780).epsilon(1e-3));
    CHECK(p.shared == doctest::Approx(4 * 1474560 / (128 * 1.755e3)).epsilon(1e-3));
    CHECK(p.launches == 3);
    // A map of 13.1 MB that the epilogue reads comes from memory and passes the second cache.
    Work adds = work_of({same(80, 128, 128, 3), Pass::forward});
    adds.epilogue = 13107200;
    const Prediction added = bench::predict(device, adds, DType::bf16, device.launch);
    CHECK(added.memory == doctest::Approx(p.memory + 13.1072 / 4.3).epsilon(1e-3));
    CHECK(added.second_cache == doctest::Approx(p.second_cache + 13.1072 / 5.5).epsilon(1e-3));
    const Work wide{.convolution = Convolution{same(80, 128, 128, 3)}};
    CHECK(bench::predict(device, wide, DType::f32, 0).way == "tiles 64x64, 1600 blocks, 4 waves");
    const AllowTf32 tf32;
    // A block of 128 x 128: 1152 terms of 256 floats in, 65,536 bytes out; 1024 floats a term through shared memory.
    const Prediction rounded = bench::predict(device, wide, DType::f32, 0);
    CHECK(rounded.way == "tf32 128x128, 400 blocks, 4 waves");
    CHECK(rounded.second_cache == doctest::Approx(400 * (1152 * 1024 + 65536) / 5.5e6).epsilon(1e-3));
    CHECK(rounded.shared == doctest::Approx(4 * 1152 * 4096 / (128 * 1.755e3)).epsilon(1e-3));
}

namespace {

test::Outcome bench_of(std::vector<std::string> words) { return test::RunningProgram(words, {}, "bench").wait(); }

// The numbers of the first line that begins so; empty where there is none.
std::vector<double> numbers_of(const std::string& text, const std::string& line) {
    const size_t at = ("\n" + text).find("\n" + line + "  ");
    std::vector<double> numbers;
    if (at == std::string::npos) return numbers;
    std::istringstream words(text.substr(at + line.size(), text.find('\n', at) - at - line.size()));
    for (std::string word; words >> word;) numbers.push_back(std::strtod(word.c_str(), nullptr));
    return numbers;
}

}  // namespace

TEST_CASE("bench predicted: the label of every case tells its convolution") {
    int found = 0;
    for (const record::OpRecord& op : record::all())
        for (const record::Case& c : op.cases())
            for (const record::Direction& direction : c.directions) {
                const std::optional<Convolution> of = bench::convolution_of_case(op.name, direction.name, c.label);
                CHECK(of.has_value() == (op.name == "conv2d" || op.name == "conv_transpose2d" || op.name == "linear"));
                if (!of) continue;
                ++found;
                INFO(op.name, ".", direction.name, ".", c.label);
                const Problem& p = of->problem;
                std::multiset<int64_t> of_label{p.x_count(), p.y_count(), p.weight_count()}, of_operands;
                for (const record::Operand& operand : direction.operands)
                    for (const char* name : {"x", "y", "weight", "dx", "dy", "dweight"})
                        if (operand.name == name) of_operands.insert(operand.count());
                CHECK(of_label == of_operands);
                CHECK(direction.flops == p.flops());
            }
    CHECK(found > 500);
    using bench::convolution_of_case;
    const std::string label = "n2 h9 w8 c12 o6 k3x5 s2 d3 g3 p1,2,3,4 bias";
    const Problem wanted{
        .n = 2, .h = 9, .w = 8, .c = 12, .o = 6, .kh = 3, .kw = 5, .stride = 2, .pads = {1, 2, 3, 4}, .dilation = 3, .groups = 3};
    CHECK(convolution_of_case("conv2d", "backward_weights", label)->problem == wanted);
    CHECK(convolution_of_case("conv2d", "backward_weights", label)->pass == Pass::backward_weights);
    CHECK_THROWS_AS(convolution_of_case("conv2d", "forward", "n2 h9 q7"), Error);
    CHECK_THROWS_AS(convolution_of_case("conv2d", "forward", "n2 h9x"), Error);
}

TEST_CASE("bench predicted: the records' layers in every precision without a device, and what that says of the goals") {
    const test::Outcome rows = bench_of({"predicted"});
    REQUIRE_MESSAGE(rows.code == 0, rows.err);
    CHECK(test::contains(rows.out, "conv2d.forward.n8 h80 w80 c128 o128 k3x3"));
    CHECK(test::contains(rows.out, "conv_transpose2d.backward_weights.n8 h40 w40 c128"));
    CHECK(test::contains(rows.out, "optimiser.adamw.n35528122"));
    CHECK(test::contains(rows.out, "goal: 3x3 convolutions, 128 to 128 and dilated"));
    CHECK(test::contains(rows.out, "goal: passes over memory"));
    CHECK_MESSAGE(!test::contains(rows.out, "conv2d_int8"), "has no CUDA twin");
    const test::Outcome wide = bench_of({"predicted", "--precision", "f32", "--filter", "conv2d.forward"});
    REQUIRE_MESSAGE(wide.code == 0, wide.err);
    CHECK(test::contains(wide.out, "tiles 64x64"));
    CHECK(!test::contains(wide.out, "wgmma"));
    CHECK(!test::contains(wide.out, "goal: 3x3"));
    CHECK(test::contains(bench_of({"predicted", "--precision", "tf32", "--filter", "conv2d.forward"}).out, "tf32 128x128"));
    CHECK(bench_of({"predicted", "--filter", "nothing"}).code == 1);
    CHECK(bench_of({"predicted", "--net", "light"}).code == 2);
    // Weights, columns, rows: three kernels.
    const test::Outcome resized = bench_of({"predicted", "--precision", "f32", "--filter", "resize_picture"});
    const std::vector<double> picture = numbers_of(resized.out, "resize_picture.forward.h3000 w4000 c3 oh320 ow320");
    REQUIRE_MESSAGE(picture.size() > 6, resized.out);
    CHECK(picture[6] == 9);
    // --step is of whole networks in bf16.
    for (const std::vector<std::string>& other : {std::vector<std::string>{"--filter", "conv2d"}, {"--precision", "f32"}}) {
        const test::Outcome refused = bench_of({"predicted", "--step", other[0], other[1]});
        CHECK(refused.code == 2);
        CHECK_MESSAGE(test::contains(refused.err, other[0] + " excludes --step"), refused.err);
    }
}

TEST_CASE("bench predicted --step: steps of every stage and a map, summed over their kernels") {
    const test::Outcome step = bench_of({"predicted", "--step", "--net", "light", "--size", "32"});
    REQUIRE_MESSAGE(step.code == 0, step.err);
    size_t stage_begins[4] = {};
    for (const size_t stage : {1, 2, 3}) {
        stage_begins[stage] = step.out.find(concat("training step, light, stage ", stage, ", batch 8, by op"));
        REQUIRE(stage_begins[stage] != std::string::npos);
    }
    for (const char* part : {"level-1 map, light, batch 1", "sums of gradients", "limit", "with 10 TB/s from the second cache"})
        CHECK_MESSAGE(test::contains(step.out, part), part);
    CHECK_MESSAGE(!test::contains(step.out, "goal:"), "there is none for maps of 32 x 32");
    // In stage 3 every convolution moves: as many weight gradients as forwards, of as many operations; a data gradient less, the stem's.
    const std::string last = step.out.substr(stage_begins[3]);
    const std::vector<double> forward = numbers_of(last, "conv2d"), weights = numbers_of(last, "conv2d, weight gradient"),
                              data = numbers_of(last, "conv2d, data gradient");
    REQUIRE(forward.size() == 7);  // calls, launches, MB, GFLOP, us, share, %
    REQUIRE(weights.size() == 7);
    REQUIRE(data.size() == 7);
    CHECK(weights[0] == forward[0]);
    CHECK(weights[3] == forward[3]);
    CHECK(data[0] == forward[0] - 1);
    // A weight that is read is rounded before.
    const std::vector<double> rounded = numbers_of(last, "weights, rounded to bf16"), transposed = numbers_of(last, "conv_transpose2d");
    REQUIRE(rounded.size() == 7);
    REQUIRE(transposed.size() == 7);
    CHECK(rounded[0] == forward[0] + transposed[0]);
    // On a device a step augments: one launch makes picture, mask and labels, two make activations of picture and mask. The losses are
    // added once for the tape; for the verdict, once more, it is counted with that.
    for (const auto& [name, calls] : {std::pair{"augment", 1.0}, {"normalise", 2.0}, {"sum_of", 1.0}}) {
        const std::vector<double> row = numbers_of(last, name);
        REQUIRE_MESSAGE(row.size() > 1, name);
        CHECK_MESSAGE(row[0] == calls, name);
        CHECK_MESSAGE(row[1] == calls, name);
    }
    // As tests/emulator/merged_plan_test.cpp has it of the plan on a device.
    const auto merged = [](const std::string& text, const std::string& begin) {
        const std::string map = text.substr(text.find("level-1 map, light"));
        std::istringstream lines(map.substr(0, map.find("by limit")));
        double sum = 0;
        for (std::string line; std::getline(lines, line);)
            if (line.starts_with(begin)) sum += numbers_of(line, line.substr(0, line.find("  "))).at(1);
        return sum;
    };
    CHECK(merged(step.out, "3 merged: ") == 11);
    CHECK(merged(step.out, "2 merged: ") == 3);
    const test::Outcome apart =
        test::RunningProgram({"predicted", "--step", "--net", "light", "--size", "32"}, {"PURNET_MERGE=0"}, "bench").wait();
    CHECK(merged(apart.out, "3 merged: ") == 0);
    CHECK(merged(apart.out, "2 merged: ") == 0);
}

}  // namespace purnet
