// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78, RFC 3720), and the masked form that TensorBoard's files carry.
#pragma once

#include <cstdint>
#include <span>

namespace purnet {

uint32_t crc32c(std::span<const uint8_t> bytes);

// rotr(crc, 15) + 0xa282ead8: the sum of data that holds sums itself stays meaningful.
inline uint32_t masked_crc32c(std::span<const uint8_t> bytes) {
    const uint32_t crc = crc32c(bytes);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

}  // namespace purnet
