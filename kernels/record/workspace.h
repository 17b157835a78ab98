// Workspace of ops whose twins need different amounts, or that holds several arrays.
#pragma once

#include "kernels/record/operands.h"

namespace purnet::record {

// The next array of a workspace begins at a multiple of 256 bytes.
inline size_t aligned_up(size_t bytes) { return (bytes + 255) / 256 * 256; }

// What the twin that asks for most needs; bytes(key) is asked for each.
template <class Bytes>
Operand workspace_of_twins(const Bytes& bytes) {
    size_t most = 0;
    for (const Key key : {Key{DeviceType::cpu, DType::f32}, Key{DeviceType::cuda, DType::f32}, Key{DeviceType::cuda, DType::bf16}})
        if (const size_t wanted = bytes(key); wanted > most) most = wanted;
    return workspace(most);
}

}  // namespace purnet::record
