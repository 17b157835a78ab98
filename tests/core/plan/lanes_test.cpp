#include "core/plan/lanes.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/random/philox.h"

namespace purnet {
namespace {

// Value 0 is the input; step i makes value i + 1 from those of `reads`.
Graph graph_of(const std::vector<std::vector<int>>& reads) {
    Graph graph;
    graph.values.resize(reads.size() + 1);
    graph.inputs = {0};
    for (size_t i = 0; i < reads.size(); ++i) {
        Step step;
        step.inputs = reads[i];
        step.outputs = {static_cast<int>(i) + 1};
        graph.steps.push_back(step);
    }
    return graph;
}

// What a device knows: a stream's steps come one after the other, and each behind what it waits for.
std::vector<std::vector<bool>> order_of(const Lanes& lanes, size_t steps) {
    std::vector<std::vector<bool>> order(steps, std::vector<bool>(steps, false));
    for (size_t b = 0; b < steps; ++b) {
        const auto behind = [&](size_t a) {
            order[b][a] = true;
            for (size_t k = 0; k < steps; ++k) order[b][k] = order[b][k] || order[a][k];
        };
        for (size_t a = 0; a < b; ++a)
            if (lanes.lane(a) == lanes.lane(b)) behind(a);
        for (int a : lanes.waits(b)) {
            REQUIRE(lanes.waited_for(static_cast<size_t>(a)));
            behind(static_cast<size_t>(a));
        }
    }
    return order;
}

}  // namespace

TEST_CASE("lanes: what has no path between it lies in lanes of its own, and waits only where data crosses") {
    // A trunk 0, 1; three heads 2-3, 4-5, 6-7 from it; 8 reads them all.
    const Graph graph = graph_of({{0}, {1}, {2}, {3}, {2}, {5}, {2}, {7}, {4, 6, 8}});
    const Lanes lanes(graph, 4);
    CHECK(lanes.count() == 3);
    for (size_t step : {0, 1, 2, 3}) CHECK(lanes.lane(step) == 0);
    CHECK(lanes.lane(4) == lanes.lane(5));
    CHECK(lanes.lane(6) == lanes.lane(7));
    CHECK(lanes.lane(4) != lanes.lane(6));
    CHECK(lanes.waits(4) == std::vector<int>{1});
    CHECK(lanes.waits(5).empty());
    CHECK(lanes.waits(8).size() == 2);
    CHECK(!lanes.before(2, 4));
    CHECK(lanes.before(1, 5));
    CHECK(lanes.before(5, 8));
    // What the heads make lies together, what the trunk made first is gone by then.
    CHECK(together(lanes, {2, {3}}, {5, {8}}));
    CHECK(!together(lanes, {0, {1}}, {2, {3}}));
    CHECK(together(lanes, {1, {2, 4, 6}}, {4, {5}}));
    CHECK(together(lanes, {1, {2, 4, 6}}, {3, {8}}));  // 4 and 6 may read it still
    const Lanes row(graph, 1);
    CHECK(row.count() == 1);
    CHECK(!together(row, {2, {3}}, {5, {8}}));
    CHECK(!together(row, {1, {2, 4, 6}}, {7, {8}}));
    // A step that reads nothing but the input needs nobody.
    CHECK(Lanes(graph_of({{0}, {0}}), 4).count() == 2);
}

TEST_CASE("lanes: on any graph, streams and waits give the order that is claimed, and every reader comes behind its writer") {
    const RandomStream draws(5, "lanes");
    for (uint64_t round = 0; round < 200; ++round) {
        uint64_t next = 0;
        const auto draw = [&](int below) { return static_cast<int>(draws.uniform(round, next++) * below); };
        const int steps = 1 + draw(20), most = 1 + draw(5);
        std::vector<std::vector<int>> reads;
        for (int i = 0; i < steps; ++i) {
            reads.emplace_back();
            for (int k = draw(3); k >= 0; --k) reads.back().push_back(std::max(0, i - draw(6)));
        }
        const Lanes lanes(graph_of(reads), most);
        CHECK(lanes.count() <= most);
        const auto order = order_of(lanes, reads.size());
        for (size_t b = 0; b < reads.size(); ++b) {
            for (size_t a = 0; a < reads.size(); ++a) REQUIRE(lanes.before(a, b) == order[b][a]);
            for (int v : reads[b])
                if (v > 0) REQUIRE(lanes.before(static_cast<size_t>(v) - 1, b));
        }
    }
}

}  // namespace purnet
