// Cases that cover pairs. Most defects of a kernel show where two of its factors meet (a ragged column count and a second image, a stride
// and a pad), and few need three: so a record takes, of all combinations of its factors' levels, a few in which every two levels
// of two factors meet somewhere.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/record/record.h"

namespace purnet::record {

// Rows of one level of each factor, in the order of the factors, such that every pair of levels of two different factors is in some row.
// Greedy and the same in every run; as many rows as the two longest factors have pairs of levels, at least, and seldom a
// quarter more. Two factors or more.
std::vector<std::vector<int64_t>> pairwise(const std::vector<std::vector<int64_t>>& factors);

// Adds a drawn case beside those written by hand: not where one of that label is, and without a gradient check, since the reference is
// the one whose derivatives those by hand check.
void add_drawn(std::vector<Case>& list, Case drawn);

}  // namespace purnet::record
