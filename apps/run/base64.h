// Base64 (RFC 4648, with padding), for pictures inside HTML.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace purnet {

std::string base64(std::span<const uint8_t> bytes);

}  // namespace purnet
