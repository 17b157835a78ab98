// Sizes of the CPU's caches, for what is cut into blocks.
#pragma once

#include <cstddef>

namespace purnet {

// Bytes of the second cache that one core has; 512 KiB where the system does not say.
size_t second_cache_bytes();

}  // namespace purnet
