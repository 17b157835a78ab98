#include "kernels/runtime/cache_size.h"

#include <unistd.h>

namespace purnet {

size_t second_cache_bytes() {
    static const size_t bytes = [] {
        size_t known = 512 << 10;
#ifdef _SC_LEVEL2_CACHE_SIZE
        if (const long said = sysconf(_SC_LEVEL2_CACHE_SIZE); said > 0) known = static_cast<size_t>(said);
#endif
        return known;
    }();
    return bytes;
}

}  // namespace purnet
