// Where the material lies that is not part of the tree: PURNET_SHARED, else ../shared beside the working folder.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace purnet::test {

// The path below the shared folder, or nothing when it is absent: the test then says so and skips.
inline std::optional<std::filesystem::path> shared_path(const std::string& relative) {
    const char* set = std::getenv("PURNET_SHARED");
    const std::filesystem::path path = std::filesystem::path(set && *set ? set : "../shared") / relative;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return std::nullopt;
    return path;
}

}  // namespace purnet::test
