// Counters for "the last block finishes": zero when a launch gets them, and left at zero by its kernel.
//
// They come from a ring of 2^20 in device memory that is cleared once, so that no launch needs a memset before it. A launch
// gets its own; one that a CUDA graph captured keeps them for every replay. Two kernels would meet only if one started while
// another, 2^20 counters earlier, still ran.
#pragma once

namespace purnet::cuda {

// `count` neighbouring counters of the current device.
unsigned* counters(int count);

}  // namespace purnet::cuda
