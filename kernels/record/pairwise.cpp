#include "kernels/record/pairwise.h"

#include <algorithm>

namespace purnet::record {
namespace {

// Which pairs of levels no row has yet.
class Uncovered {
public:
    explicit Uncovered(const std::vector<std::vector<int64_t>>& factors) : first_(factors.size()) {
        for (size_t f = 0; f < factors.size(); ++f) {
            first_[f] = levels_;
            levels_ += factors[f].size();
        }
        open_.assign(levels_ * levels_, false);
        for (size_t f = 0; f < factors.size(); ++f)
            for (size_t g = 0; g < f; ++g)
                for (size_t i = 0; i < factors[f].size(); ++i)
                    for (size_t j = 0; j < factors[g].size(); ++j) set(f, i, g, j, true);
    }

    bool has(size_t f, size_t i, size_t g, size_t j) const { return open_[(first_[f] + i) * levels_ + first_[g] + j]; }
    void set(size_t f, size_t i, size_t g, size_t j, bool open) {
        open_[(first_[f] + i) * levels_ + first_[g] + j] = open;
        open_[(first_[g] + j) * levels_ + first_[f] + i] = open;
    }

private:
    std::vector<size_t> first_;
    size_t levels_ = 0;
    std::vector<bool> open_;
};

constexpr size_t unset = ~size_t{0};
using Row = std::vector<size_t>;  // of each factor the number of its level

// How many uncovered pairs level i of factor f makes with the levels that are set.
size_t gain(const Uncovered& uncovered, const Row& row, size_t f, size_t i) {
    size_t pairs = 0;
    for (size_t g = 0; g < row.size(); ++g)
        if (g != f && row[g] != unset) pairs += uncovered.has(f, i, g, row[g]);
    return pairs;
}

// Factor by factor the level that covers most; returns how many pairs the row covers. `turn` decides between equals, so that they share.
size_t complete(const Uncovered& uncovered, const std::vector<std::vector<int64_t>>& factors, size_t turn, Row& row) {
    for (size_t f = 0; f < row.size(); ++f) {
        if (row[f] != unset) continue;
        const size_t count = factors[f].size();
        size_t best = turn % count;
        for (size_t i = 0; i < count; ++i)
            if (gain(uncovered, row, f, i) > gain(uncovered, row, f, best)) best = i;
        row[f] = best;
    }
    size_t pairs = 0;
    for (size_t f = 0; f < row.size(); ++f) pairs += gain(uncovered, row, f, row[f]);
    return pairs / 2;
}

}  // namespace

std::vector<std::vector<int64_t>> pairwise(const std::vector<std::vector<int64_t>>& factors) {
    Uncovered uncovered(factors);
    std::vector<std::vector<int64_t>> rows;
    while (true) {
        Row best;
        size_t most = 0;
        // Every pair that is left begins a row; the row that covers most is taken.
        for (size_t f = 0; f < factors.size(); ++f)
            for (size_t g = 0; g < f; ++g)
                for (size_t i = 0; i < factors[f].size(); ++i)
                    for (size_t j = 0; j < factors[g].size(); ++j) {
                        if (!uncovered.has(f, i, g, j)) continue;
                        Row row(factors.size(), unset);
                        row[f] = i;
                        row[g] = j;
                        const size_t pairs = complete(uncovered, factors, rows.size(), row);
                        if (pairs > most) {
                            most = pairs;
                            best = row;
                        }
                    }
        if (most == 0) return rows;
        std::vector<int64_t> values;
        for (size_t f = 0; f < factors.size(); ++f) {
            values.push_back(factors[f][best[f]]);
            for (size_t g = 0; g < f; ++g) uncovered.set(f, best[f], g, best[g], false);
        }
        rows.push_back(std::move(values));
    }
}

void add_drawn(std::vector<Case>& list, Case drawn) {
    if (std::any_of(list.begin(), list.end(), [&](const Case& c) { return c.label == drawn.label; })) return;
    drawn.gradient = false;
    list.push_back(std::move(drawn));
}

}  // namespace purnet::record
