// Results that are part of the tree: tests/goldens, seen from the source root, where the tests run.
#pragma once

#include <filesystem>
#include <string>

namespace purnet::test {

inline std::filesystem::path golden_path(const std::string& relative) { return std::filesystem::path("tests/goldens") / relative; }

}  // namespace purnet::test
