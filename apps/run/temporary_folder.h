// A folder of one's own, removed with everything in it when its owner goes.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "kernels/runtime/error.h"

namespace purnet {

class TemporaryFolder {
public:
    // Below TMPDIR, else /tmp. Error where it cannot be made.
    explicit TemporaryFolder(const std::string& name = "purnet") {
        std::string pattern = (std::filesystem::temp_directory_path() / (name + "-XXXXXX")).string();
        require(::mkdtemp(pattern.data()) != nullptr, pattern, ": no temporary folder could be made");
        path_ = pattern;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

}  // namespace purnet
