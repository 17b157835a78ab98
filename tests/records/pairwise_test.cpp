#include "kernels/record/pairwise.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace purnet::test {
namespace {

using Factors = std::vector<std::vector<int64_t>>;

// Of `count` factors with these numbers of levels; a level of factor f is 100 f + its number.
Factors with_levels(const std::vector<int>& counts) {
    Factors factors;
    for (size_t f = 0; f < counts.size(); ++f) {
        factors.emplace_back();
        for (int i = 0; i < counts[f]; ++i) factors.back().push_back(100 * static_cast<int64_t>(f) + i);
    }
    return factors;
}

size_t fewest(const Factors& factors) {
    std::vector<size_t> counts;
    for (const auto& levels : factors) counts.push_back(levels.size());
    std::sort(counts.rbegin(), counts.rend());
    return counts[0] * counts[1];
}

}  // namespace

TEST_CASE("pairwise: every pair of levels meets, in rows near the fewest possible") {
    for (const auto& counts : std::vector<std::vector<int>>{
             {2, 2}, {5, 3}, {1, 4}, {2, 2, 2}, {4, 3, 2}, {4, 4, 4}, {5, 4, 2, 2}, {3, 3, 3, 3}, {5, 5, 3, 2, 2, 2}}) {
        const Factors factors = with_levels(counts);
        const auto rows = record::pairwise(factors);
        CAPTURE(counts.size());
        CAPTURE(counts[0]);
        for (const auto& row : rows) {
            REQUIRE(row.size() == factors.size());
            for (size_t f = 0; f < factors.size(); ++f) REQUIRE(std::count(factors[f].begin(), factors[f].end(), row[f]) == 1);
        }
        for (size_t f = 0; f < factors.size(); ++f)
            for (size_t g = 0; g < f; ++g)
                for (const int64_t a : factors[f])
                    for (const int64_t b : factors[g])
                        REQUIRE(std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row[f] == a && row[g] == b; }));
        CHECK(rows.size() >= fewest(factors));
        CHECK(4 * rows.size() <= 5 * fewest(factors));
        CHECK(rows == record::pairwise(factors));
    }
}

TEST_CASE("pairwise: a drawn case stands beside those by hand, not in place of them") {
    std::vector<record::Case> list{{.label = "n1"}};
    record::add_drawn(list, {.label = "n1", .gradient = false});
    record::add_drawn(list, {.label = "n2"});
    REQUIRE(list.size() == 2);
    CHECK(list[0].gradient);
    CHECK(list[1].label == "n2");
    CHECK_FALSE(list[1].gradient);
}

}  // namespace purnet::test
