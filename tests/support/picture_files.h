// Pictures that tests put on disk.
#pragma once

#include <filesystem>
#include <string>

#include "core/formats/atomic_file.h"
#include "data/image/encode.h"
#include "tests/support/pictures.h"

namespace purnet::test {

// As JPEG or PNG, by the suffix; folders that miss are made.
inline std::string put(const std::filesystem::path& file, const Image& image) {
    std::filesystem::create_directories(file.parent_path());
    atomic_write(file, file.extension() == ".jpg" ? encode_jpeg(image, 95) : encode_png(image));
    return file.string();
}

// A drawn picture of that size.
inline std::string put(const std::filesystem::path& file, int width, int height) { return put(file, pattern(width, height, 3)); }

}  // namespace purnet::test
