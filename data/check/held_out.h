// Which pictures of a data set are held out for validation.
//
// Near-duplicates stay on one side: a network that has seen one of two copies is not judged by the other. What is alike is found as
// check-data finds it (perceptual_hash.h, at `usual_near`; chains count as one group), on pictures reduced while they are decoded: about
// 1 ms of one core for a picture of DUTS-TR, so nothing needs to be kept between runs.
#pragma once

#include <cstdint>
#include <vector>

#include "data/source/dataset.h"

namespace purnet {

// For each picture the first one of its group: itself where nothing before it is alike. A picture that can't be read is alone; who
// reads it next will say so. Runs on all threads; the result does not depend on them.
std::vector<int64_t> alike_groups(const DataSet& set);

struct HeldOut {
    std::vector<int64_t> train, held_out;  // ascending
};

// The pictures in an order drawn from `seed`, each with its group, are held out until there are round(fraction * count) of them; a group
// too large for what is left goes to the training side. Where no group is small enough for that, the smallest one is held out, for a
// fraction above 0 asks for one picture at least. Without groups (every picture its own) this is the plain draw.
// Errors: one group is everything; a fraction outside 0 .. 1.
HeldOut hold_out(const std::vector<int64_t>& groups, double fraction, uint64_t seed);

}  // namespace purnet
