// What a CUtensorMap says, as this emulator writes it. The limits are those of the driver API's documentation.
#pragma once

#include "tests/emulator/include/cuda.h"

#include <cstdint>

namespace purnet::emulator {

struct TensorMap {
    uint64_t mark;
    char* base;
    uint64_t strides[5];  // in bytes; of axis 0: of an element
    uint32_t sizes[5];
    uint16_t box[5];  // im2col: channels, pixels
    int8_t lower[2], upper[2];
    uint8_t steps[5];
    uint8_t rank, im2col, swizzle_bytes;
};
static_assert(sizeof(TensorMap) <= sizeof(CUtensorMap));

inline constexpr uint64_t tensor_map_mark = 0x70616d726f736e65ull;

// Where the byte at a shared address lies that a swizzle of span bytes (0, 128) writes there.
inline uint32_t swizzled_address(uint32_t address, unsigned span) {
    if (span == 0) return address;
    // Lines of 128 bytes; the number of the line, modulo 8, is added without carry to that of the 16-byte chunk in it.
    const uint32_t line = address / 128, chunk = address % 128 / 16;
    return line * 128 + (chunk ^ line % 8) * 16 + address % 16;
}

}  // namespace purnet::emulator
