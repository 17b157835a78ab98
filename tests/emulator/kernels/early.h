// Kernels that are launched early (kernels/runtime/cuda/launch.h), and defects of their wait.
#pragma once

#include <cstddef>

namespace purnet::seeded {

// y[i] += x[i] for 64 elements, by two blocks; *count += 1 from each block. What a thread does before its wait, or that it has none:
enum class Early { nothing, reads, writes, adds, copies, none, not_in_one_thread };
void add_early(const float* x, float* y, unsigned* count, Early before_wait);
// The same in the ordinary way: nothing is before it that it would have to wait for.
void add_in_order(const float* x, float* y, unsigned* count, Early before_wait);
// A box of 64 x 16 bf16 that the copy engine fetches.
void box_early(const void* x, void* y, bool before_wait);

// What has to say so by interrupt_launches, and may forget to.
enum class Between { nothing, copy, fill, event, stream };
void add_behind(Between between, bool says_so, const float* x, float* y, unsigned* count);
// Four launches on two streams in turn, the second stream's on operands of their own.
void add_in_turns(const float* x, float* y, unsigned* count, float* other_y, unsigned* other_count);
// The launches on a stream that records.
void add_recorded(const float* x, float* y, unsigned* count, int launches);

}  // namespace purnet::seeded
