#include "apps/run/user_cache.h"

#include <cstdlib>

#include "kernels/runtime/error.h"

namespace purnet {

std::filesystem::path user_cache(const std::string& name) {
    const auto folder = [](const char* variable) {
        const char* value = std::getenv(variable);
        const std::filesystem::path path = value ? value : "";
        return path.is_absolute() ? path : std::filesystem::path();
    };
    if (const auto own = folder("PURNET_HOME"); !own.empty()) return own / "cache" / name;
    if (const auto cache = folder("XDG_CACHE_HOME"); !cache.empty()) return cache / "purnet" / name;
    if (const auto home = folder("HOME"); !home.empty()) return home / ".cache/purnet" / name;
    fail("no folder for caches: neither PURNET_HOME nor XDG_CACHE_HOME nor HOME is set; set one of them, or name a folder");
}

}  // namespace purnet
