// Which convolutions of a plan become one step, and in which order steps then stand: on convolutions that compute nothing but a number.
#include "core/plan/merge.h"

#include <doctest/doctest.h>

#include <cstdlib>

namespace purnet {
namespace {

// y = factor x + before + 10 after, of one float. Those of one kind are mergeable.
class Product : public conv2d::PackedConv {
public:
    Product(int kind, float factor) : kind_(kind), factor_(factor) {}

    void run(const void* x, const void* before, const void* after, void* y, void*, const Context&) const override {
        const auto value = [](const void* p) { return p ? *static_cast<const float*>(p) : 0.0f; };
        *static_cast<float*>(y) = factor_ * value(x) + value(before) + 10 * value(after);
    }
    size_t workspace() const override { return static_cast<size_t>(factor_); }
    size_t bytes() const override { return 4; }
    std::string method() const override { return "product"; }
    bool merges_with(const PackedConv& other) const override {
        const auto* const product = dynamic_cast<const Product*>(&other);
        return kind_ > 0 && product && product->kind_ == kind_;
    }
    std::unique_ptr<conv2d::MergedConv> merge(const std::vector<std::shared_ptr<const PackedConv>>& all) const override {
        class Products : public conv2d::MergedConv {
        public:
            explicit Products(std::vector<std::shared_ptr<const PackedConv>> all) : all_(std::move(all)) {}
            void run(std::span<const conv2d::PackedOperands> at, void* workspace, const Context& context) const override {
                REQUIRE(at.size() == all_.size());
                for (size_t i = 0; i < at.size(); ++i) all_[i]->run(at[i].x, at[i].before, at[i].after, at[i].y, workspace, context);
            }
            size_t workspace() const override { return 77; }
            std::string method() const override { return "products"; }
            std::string key() const override { return "of products"; }

        private:
            std::vector<std::shared_ptr<const PackedConv>> all_;
        };
        return std::make_unique<Products>(all);
    }

private:
    int kind_;
    float factor_;
};

// Value 0 is the input; a step makes the next value.
struct Steps {
    Graph graph;

    Steps() {
        graph.values.resize(1);
        graph.inputs = {0};
    }
    int convolution(int kind, int x, int before = -1, int after = -1) {
        const int made = static_cast<int>(graph.values.size());
        const auto conv = std::make_shared<const Product>(kind, static_cast<float>(made + 1));
        Step step;
        step.name = concat("kind ", kind);
        step.layer = concat("layer ", made);
        step.inputs = {x, before, after};
        step.packed.conv = conv;
        step.packed_bytes = conv->bytes();
        step.multiply_adds = 1;
        step.workspace = conv->workspace();
        step.run = [conv](const Arguments& a, const Context& c) { conv->run(a.in(0), a.in(1), a.in(2), a.out(), a.workspace(), c); };
        return add(step);
    }
    int sum(std::vector<int> read) {
        Step step;
        step.name = "sum";
        step.inputs = std::move(read);
        step.run = [n = static_cast<int>(step.inputs.size())](const Arguments& a, const Context&) {
            float total = 0;
            for (int i = 0; i < n; ++i) total += *a.in<float>(i);
            *static_cast<float*>(a.out()) = total;
        };
        return add(step);
    }
    // All values, by running the steps in their order; reading what has not been made fails.
    std::vector<float> values() const {
        std::vector<float> at(graph.values.size(), -1);
        std::vector<char> made(graph.values.size(), 0);
        at[0] = 2, made[0] = 1;
        for (const Step& step : graph.steps) {
            std::vector<const void*> in;
            std::vector<void*> out;
            for (const int v : step.inputs) {
                REQUIRE((v < 0 || made[static_cast<size_t>(v)]));
                in.push_back(v < 0 ? nullptr : &at[static_cast<size_t>(v)]);
            }
            for (const int v : step.outputs) out.push_back(&at[static_cast<size_t>(v)]);
            step.run(Arguments(in.data(), out.data(), nullptr), {});
            for (const int v : step.outputs) made[static_cast<size_t>(v)] = 1;
        }
        return at;
    }
    // Merges; the values stay. Returns the number of steps.
    size_t merge(Device device = {DeviceType::cuda, 0}) {
        const std::vector<float> before = values();
        merge_convolutions(graph, device);
        CHECK(values() == before);
        return graph.steps.size();
    }

private:
    int add(Step& step) {
        const int made = static_cast<int>(graph.values.size());
        graph.values.emplace_back();
        step.outputs = {made};
        graph.steps.push_back(step);
        return made;
    }
};

}  // namespace

TEST_CASE("merging: decoders that read one extractor become rows of launches side by side") {
    // A trunk of two; each decoder: from the second, a step on, then from the first with that added.
    Steps s;
    const int first = s.convolution(1, 0), second = s.convolution(2, first);
    std::vector<int> ends;
    for (int decoder = 0; decoder < 3; ++decoder) {
        const int top = s.convolution(3, second), up = s.convolution(4, top);
        ends.push_back(s.convolution(3, first, -1, up));
    }
    s.graph.outputs = {s.sum(ends)};
    CHECK(s.graph.steps.size() == 12);
    CHECK(s.merge() == 6);
    const Step& top = s.graph.steps[2];
    CHECK(top.name == "3 merged: kind 3");
    CHECK(top.layer == "layer 3, layer 6, layer 9");
    CHECK(top.detail == "products");
    CHECK(top.chosen == "");
    CHECK(top.inputs == std::vector<int>{2, -1, -1, 2, -1, -1, 2, -1, -1});
    CHECK(top.outputs == std::vector<int>{3, 6, 9});
    CHECK(top.packed_bytes == 12);
    CHECK(multiply_adds(top) == 3);
    CHECK(top.workspace() == 77);
    CHECK(s.graph.steps[3].name == "3 merged: kind 4");
    CHECK(s.graph.steps[4].name == "3 merged: kind 3");
}

TEST_CASE("merging: not of another kind, source or depth, not what merges with nothing, not more than a launch takes") {
    Steps s;
    const int a = s.convolution(1, 0), b = s.convolution(2, 0);
    CHECK(s.merge() == 2);  // another kind
    s.convolution(3, a);
    s.convolution(3, b);
    CHECK(s.merge() == 4);  // sources that two steps made
    s.convolution(3, a, b, s.sum({b}));
    CHECK(s.merge() == 6);  // waits for one step more than the first that reads a
    s.convolution(0, a);
    s.convolution(0, a);
    CHECK(s.merge() == 8);  // as every convolution on the CPU
    s.sum({a, a});
    s.sum({a, a});
    CHECK(s.merge() == 10);  // no convolutions
    s.convolution(3, a);
    s.graph.outputs = {3, 4};
    CHECK(s.merge() == 10);  // with the first, whose value the caller asked for
    for (int i = 0; i < 4; ++i) s.convolution(5, a);
    CHECK(s.merge() == 12);  // three and one
    for (int i = 0; i < 2; ++i) s.convolution(6, 0);
    setenv("PURNET_MERGE", "0", 1);
    CHECK(s.merge() == 14);
    unsetenv("PURNET_MERGE");
    CHECK(s.merge(Device{}) == 14);  // not on the host
    CHECK(s.merge() == 13);
    // A convolution of the same kind that the other one's result reaches.
    Steps chain;
    chain.convolution(1, 0, -1, chain.convolution(1, 0));
    CHECK(chain.merge() == 2);
}

}  // namespace purnet
