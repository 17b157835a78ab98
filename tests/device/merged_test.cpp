// Convolutions in one launch (kernels/conv2d/conv2d_merged.h): each has, in every way that its launch alone can be done in too, the bits
// that it has alone. And which are refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/random/philox.h"
#include "core/tensor.h"
#include "kernels/conv2d/conv2d_estimate.h"
#include "kernels/conv2d/conv2d_key.h"
#include "kernels/conv2d/conv2d_ways.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/memory.h"
#include "tests/device/place.h"
#include "tests/support/refused.h"

namespace purnet::test {
namespace {

using conv2d::Epilogue;
using conv2d::PackedConv;
using conv2d::PackedOperands;
using conv2d::Pass;
using conv2d::Problem;

struct Forgotten {
    ~Forgotten() { choices::know({}); }
};

std::vector<float> numbers(int64_t count, const std::string& name) {
    const RandomStream stream(9, name);
    std::vector<float> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) values[i] = 2 * static_cast<float>(stream.uniform(0, i)) - 1;
    return values;
}

// Behind `skipped` bytes.
Block on_device(const std::vector<float>& values, DType type, size_t skipped = 0) {
    const Tensor tensor = Tensor::from(values.data(), {static_cast<int64_t>(values.size())}, type);
    Block block(place().device, skipped + values.size() * size_of(type));
    copy_bytes(static_cast<char*>(block.data()) + skipped, place().device, tensor.raw(), {}, values.size() * size_of(type));
    return block;
}

std::vector<char> bytes_of(const Block& block) {
    std::vector<char> bytes(block.bytes());
    copy_bytes(bytes.data(), {}, block.data(), block.device(), bytes.size());
    return bytes;
}

std::shared_ptr<PackedConv> pack(const Problem& p, Pass pass, DType type, const Epilogue& epilogue, bool bias = true, int number = 0) {
    const Key key{DeviceType::cuda, type};
    const Context context{place().device, nullptr};
    const std::vector<float> weight = numbers(p.weight_count(), concat("weight ", number)),
                             biases = numbers(pass == Pass::forward ? p.o : p.c, concat("bias ", number));
    if (pass == Pass::forward)
        return conv2d::table().get(&conv2d::Kernels::pack, "pack", key)(p, epilogue, weight.data(), bias ? biases.data() : nullptr,
                                                                        context);
    const conv_transpose2d::Problem t{.n = p.n,
                                      .h = p.out_h(),
                                      .w = p.out_w(),
                                      .c = p.o,
                                      .o = p.c,
                                      .kh = p.kh,
                                      .kw = p.kw,
                                      .stride = p.stride,
                                      .crop_top = p.pads.top,
                                      .crop_left = p.pads.left,
                                      .out_h = p.h,
                                      .out_w = p.w};
    return conv_transpose2d::table().get(&conv_transpose2d::Kernels::pack, "pack", key)(t, epilogue, weight.data(),
                                                                                        bias ? biases.data() : nullptr, context);
}

// Of one geometry, with these channels.
struct Group {
    const char* name;
    Problem problem;
    std::vector<int64_t> channels;
    bool one_source = false;
    Pass pass = Pass::forward;

    Problem of(size_t i) const {
        Problem p = problem;
        (pass == Pass::forward ? p.o : p.c) = channels[i];
        return p;
    }
};

// Nothing that the others have in the second one, not even a bias.
const Epilogue epilogues[] = {{.slope = 0.25f, .after = true}, {}, {.slope = 0, .top = 0.5f, .before = true, .after = true}};

std::vector<float> floats_of(const Block& block, DType type) {
    const Tensor tensor = Tensor::empty({static_cast<int64_t>(block.bytes() / size_of(type))}, type, Device{});
    copy_bytes(tensor.raw(), {}, block.data(), block.device(), block.bytes());
    return tensor.to_floats();
}

// Returns how the merged launch is done. bound: of the differences, where it is done otherwise than each alone; 0: as each alone, with its
// bits.
std::string check_results(const Group& group, DType type, float bound, size_t skipped) {
    INFO(group.name, " ", name_of(type), " skipped ", skipped);
    const Context context{place().device, nullptr};
    struct One {
        std::shared_ptr<PackedConv> conv;
        Block x, before, after, y, y_alone;
    };
    std::vector<One> ones;
    std::vector<std::shared_ptr<const PackedConv>> convolutions;
    std::vector<PackedOperands> operands;
    const bool forward = group.pass == Pass::forward;
    for (size_t i = 0; i < group.channels.size(); ++i) {
        const Problem p = group.of(i);
        const int number = static_cast<int>(i);
        const int64_t read = forward ? p.x_count() : p.y_count(), written = forward ? p.y_count() : p.x_count();
        One& one = ones.emplace_back();
        one.conv = pack(p, group.pass, type, epilogues[i], i != 1, number);
        if (i == 0 || !group.one_source) one.x = on_device(numbers(read, concat("x ", i)), type, skipped);
        if (epilogues[i].before) one.before = on_device(numbers(written, concat("before ", i)), type);
        if (epilogues[i].after) one.after = on_device(numbers(written, concat("after ", i)), type);
        for (Block* y : {&one.y, &one.y_alone}) {
            *y = Block(place().device, static_cast<size_t>(written) * size_of(type));
            fill_bytes(y->data(), y->device(), 0xff, y->bytes());
        }
        convolutions.push_back(one.conv);
        const Block& x = group.one_source ? ones[0].x : one.x;
        operands.push_back({static_cast<const char*>(x.data()) + skipped, one.before.data(), one.after.data(), one.y.data()});
    }
    const auto scratch = [&](size_t bytes) {
        Block block(place().device, bytes);
        fill_bytes(block.data(), block.device(), 0xff, block.bytes());
        return block;
    };
    const auto merged = ones[0].conv->merge(convolutions);
    for (int twice = 0; twice < 2; ++twice) merged->run(operands, scratch(merged->workspace()).data(), context);
    for (size_t i = 0; i < ones.size(); ++i) {
        INFO("convolution ", i);
        const One& one = ones[i];
        REQUIRE((one.conv->method() == merged->method()) == (bound == 0));
        one.conv->run(operands[i].x, operands[i].before, operands[i].after, one.y_alone.data(), scratch(one.conv->workspace()).data(),
                      context);
        const std::vector<float> got = floats_of(one.y, type), alone = floats_of(one.y_alone, type);
        CHECK(std::none_of(alone.begin(), alone.end(), [](float v) { return std::isnan(v); }));  // as what was not written
        if (bound == 0) CHECK(bytes_of(one.y) == bytes_of(one.y_alone));
        for (size_t k = 0; k < got.size(); ++k)
            if (!(std::abs(got[k] - alone[k]) <= bound)) FAIL_CHECK("element ", k, ": ", got[k], " merged, ", alone[k], " alone");
    }
    REFUSED(merged->run({operands.data(), 1}, nullptr, context), "convolutions got operands of 1");
    return merged->method();
}

std::string check_bits(const Group& group, DType type, size_t skipped = 0) { return check_results(group, type, 0, skipped); }

// In every way that both the launches alone and the merged one have.
std::string choice_of(const Problem& p, Pass pass, DType type) {
    return concat("cuda ", type == DType::f32 && tf32_allowed() ? "tf32" : name_of(type), " ", conv2d::key_of(p, pass));
}

template <class T>
std::vector<std::string> check_ways(const Group& group) {
    const Forgotten forget;
    const auto names = [&](const Problem& p) {
        std::vector<std::string> list;
        for (const conv2d::implicit::Way& way : conv2d::implicit::ways<T>(p, group.pass)) list.push_back(way.name);
        return list;
    };
    std::vector<Problem> problems;
    Problem widest = group.of(0);
    for (size_t i = 0; i < group.channels.size(); ++i) {
        problems.push_back(group.of(i));
        if (problems.back().weight_count() > widest.weight_count()) widest = problems.back();
    }
    problems.push_back(conv2d::implicit::as_one(widest, static_cast<int>(group.channels.size())));
    std::vector<std::string> done;
    for (const std::string& name : names(problems[0])) {
        std::map<std::string, std::string> known;
        bool everywhere = true;
        for (const Problem& p : problems) {
            const std::vector<std::string> list = names(p);
            everywhere = everywhere && std::find(list.begin(), list.end(), name) != list.end();
            known[choice_of(p, group.pass, dtype_of<T>)] = name;
        }
        if (!everywhere) continue;
        choices::know(known);
        CHECK(check_bits(group, dtype_of<T>) == name);
        done.push_back(name);
    }
    return done;
}

bool any_begins(const std::vector<std::string>& names, const std::string& begin) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return name.starts_with(begin); });
}

}  // namespace

TEST_CASE("device plan: merged convolutions have the bits that each has alone") {
    const conv2d::Pads one{1, 1, 1, 1}, two{2, 2, 2, 2};
    const std::vector<Group> groups{
        {"heads of one map", {.n = 1, .h = 6, .w = 5, .c = 48}, {1, 1}, true},
        {"dilated", {.n = 2, .h = 5, .w = 4, .c = 40, .kh = 3, .kw = 3, .pads = two, .dilation = 2}, {24, 33, 70}},
        {"odd, strided", {.n = 1, .h = 7, .w = 9, .c = 5, .kh = 2, .kw = 3, .stride = 2, .pads = {0, 1, 1, 1}}, {7, 3, 12}, true},
        {"in parts", {.n = 1, .h = 5, .w = 4, .c = 128, .kh = 3, .kw = 3, .pads = one}, {12, 20}, true},
        {"transposed, stride 2",
         {.n = 1, .h = 9, .w = 8, .o = 32, .kh = 4, .kw = 4, .stride = 2, .pads = one},
         {8, 16, 8},
         false,
         Pass::backward_data},
        {"transposed, the last one wider",
         {.n = 1, .h = 6, .w = 5, .o = 40, .kh = 3, .kw = 3, .pads = one},
         {12, 76},
         true,
         Pass::backward_data},
        {"transposed, stride 1", {.n = 1, .h = 6, .w = 5, .o = 40, .kh = 3, .kw = 3, .pads = one}, {72, 16}, true, Pass::backward_data}};
    for (const Group& group : groups) {
        check_bits(group, DType::f32);
        check_bits(group, DType::bf16);
        const AllowTf32 allow(true);
        check_bits(group, DType::f32);
    }
    // What does not lie aligned is computed one by one.
    check_bits(groups[1], DType::bf16, 2);
    check_bits(groups[1], DType::f32, 4);
}

TEST_CASE("device plan: merged convolutions have them in every tile") {
    const Group group{"tiles", {.n = 1, .h = 9, .w = 8, .c = 32}, {72, 68, 80}};
    const std::vector<std::string> floats = check_ways<float>(group), narrow = check_ways<bf16>(group);
    CHECK(any_begins(floats, "tiles 64x64"));
    for (const char* tile : {"mma 64x64", "mma 128x64", "mma 128x128"}) CHECK_MESSAGE(any_begins(narrow, tile), tile);
    if (any_begins(narrow, "wgmma"))
        for (const char* tile : {"wgmma 64x64", "wgmma 128x64", "wgmma 128x128"}) CHECK_MESSAGE(any_begins(narrow, tile), tile);
    const AllowTf32 allow(true);
    const std::vector<std::string> tf32 = check_ways<float>(group);
    for (const char* tile : {"tf32 64x64", "tf32 128x128"}) CHECK_MESSAGE(any_begins(tf32, tile), tile);
}

TEST_CASE("device plan: merged convolutions whose sums are cut otherwise differ from each alone by rounding") {
    const Forgotten forget;
    const Group group{"in parts", {.n = 1, .h = 5, .w = 4, .c = 128, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}}, {8, 16, 16}};
    for (const DType type : {DType::f32, DType::bf16}) {
        const std::string way = pack(group.of(2), group.pass, type, {})->method(), first = way.substr(0, way.find(" in "));
        REQUIRE(first != way);
        choices::know({{choice_of(conv2d::implicit::as_one(group.of(2), 3), group.pass, type), first}});
        // Sums of 1152 products of numbers up to 1.
        CHECK(check_results(group, type, type == DType::f32 ? 1e-4f : 0.25f, 0) == first);
        choices::know({});
    }
}

TEST_CASE("device plan: what is merged is of one geometry, type and kind") {
    const Problem p{.n = 1, .h = 6, .w = 5, .c = 8, .o = 8, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};
    const auto packed = [](const Problem& problem, DType type = DType::f32, Pass pass = Pass::forward) {
        return pack(problem, pass, type, {});
    };
    const auto merges = [&](const Problem& problem) { return packed(p)->merges_with(*packed(problem)); };
    const auto with = [&](auto change) {
        Problem other = p;
        change(other);
        return other;
    };
    CHECK(merges(p));
    CHECK(merges(with([](Problem& o) { o.o = 3; })));
    CHECK(packed(p)->merges_with(*pack(p, Pass::forward, DType::f32, {.slope = 0, .after = true}, false, 1)));
    CHECK(!merges(with([](Problem& o) { o.n = 2; })));
    CHECK(!merges(with([](Problem& o) { o.h = 7; })));
    CHECK(!merges(with([](Problem& o) { o.c = 16; })));
    CHECK(!merges(with([](Problem& o) { o.kw = 1; })));
    CHECK(!merges(with([](Problem& o) { o.stride = 2; })));
    CHECK(!merges(with([](Problem& o) { o.dilation = 2; })));
    CHECK(!merges(with([](Problem& o) { o.pads.left = 0; })));
    CHECK(!merges(with([](Problem& o) { o.groups = 2; })));
    CHECK(!packed(p)->merges_with(*packed(p, DType::bf16)));
    CHECK(!packed(p)->merges_with(*packed(p, DType::f32, Pass::backward_data)));
    // From one channel to one is a kernel of its own, whoever asks.
    const Problem single = with([](Problem&o) { o.c = o.o = 1; }), fan = with([](Problem&o) { o.c = 1; });
    CHECK(packed(fan)->merges_with(*packed(fan)));
    CHECK(!packed(fan)->merges_with(*packed(single)));
    CHECK(!packed(single)->merges_with(*packed(fan)));
    // Weights of a transposed convolution lie along the channels that it writes.
    const auto transposed = [&](int64_t channels, DType type) {
        return packed(with([&](Problem& o) { o.c = channels; }), type, Pass::backward_data);
    };
    for (const DType type : {DType::f32, DType::bf16}) {
        CHECK(transposed(8, type)->merges_with(*transposed(72, type)));
        CHECK(transposed(12, type)->merges_with(*transposed(4, type)));
        CHECK(!transposed(8, type)->merges_with(*transposed(6, type)));
        CHECK(!transposed(72, type)->merges_with(*transposed(12, type)));
        CHECK(!transposed(12, type)->merges_with(*transposed(72, type)));
    }
    const auto to_itself = [&](const Problem& problem) { return packed(problem)->merges_with(*packed(problem)); };
    CHECK(!to_itself(with([](Problem& o) { o.groups = 8; })));
    CHECK(!to_itself(with([](Problem& o) { o.c = o.o = 1; })));
    const Problem few = with([](Problem& o) { o.w = 6, o.c = 3, o.stride = 2; });  // of bf16 a row of taps is one run
    CHECK(packed(few)->merges_with(*packed(few)));
    CHECK(!packed(few, DType::bf16)->merges_with(*packed(few, DType::bf16)));
    const std::shared_ptr<const PackedConv> one = packed(p), other = packed(p, DType::bf16);
    REFUSED(one->merge({one, other}), "no launch of one kind");
    REFUSED(one->merge({one}), "1 convolutions in one launch");
    REFUSED(one->merge({one, one, one, one}), "4 convolutions in one launch");
}

}  // namespace purnet::test
