// How the pixels of an image are cut for the sums, on every device: by the problem alone.
#pragma once

#include "kernels/overlap/overlap.h"
#include "kernels/overlap/overlap_sums.h"
#include "kernels/runtime/partition.h"

namespace purnet::overlap {

inline Partition blocks_of(const Problem& p) { return partition(p.pixels, 4096); }

}  // namespace purnet::overlap
