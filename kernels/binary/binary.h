// y = a + b, a - b or a * b, with b as it is or broadcast over a. a, y: n < images, r < rows, c < channels.
//     same           b[n,r,c]                scalar         b[0]
//     channel        b[c]                    image_channel  b[n,c]
// Backward: da = dy, dy, dy b;  db = +-dy or dy a, summed over what b was broadcast along (float64 sums over blocks fixed by the
// shape: the same bits for any number of threads). da, db may be null. y may be a or b (b where `same`), da may be dy.
// All operands are activations, but for a and b of a forward with `parameters` (scalar only): the gradients a loss keeps, and its
// upstream gradient, of float32 where activations are bf16, so that what becomes an activation is rounded once; y is not a there. Bytes: 2
// to 3 tensors forward, 2 to 5 backward; one operation each.
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::binary {

enum class Operation { add, sub, mul };
enum class Broadcast { same, scalar, channel, image_channel };

struct Problem {
    Operation operation = Operation::add;
    Broadcast broadcast = Broadcast::same;
    int64_t images = 1;
    int64_t rows = 0;  // of an image
    int64_t channels = 1;
    bool parameters = false;

    int64_t count() const { return images * rows * channels; }
    int64_t b_count() const {
        return broadcast == Broadcast::same      ? count()
               : broadcast == Broadcast::scalar  ? 1
               : broadcast == Broadcast::channel ? channels
                                                 : images * channels;
    }
};

struct Kernels {
    void (*forward)(const Problem&, const void* a, const void* b, void* y, const Context&) = nullptr;
    // a and b are read by mul alone and may be null otherwise.
    void (*backward)(const Problem&, const void* a, const void* b, const void* dy, void* da, void* db, void* workspace,
                     const Context&) = nullptr;
};

Table<Kernels>& table();
size_t workspace_bytes(const Problem&);  // of the backward
const char* name_of(Operation);

}  // namespace purnet::binary
