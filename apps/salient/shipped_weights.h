// The weights that come with the program: `predict` without --weights uses them.
#pragma once

#include <filesystem>

namespace purnet {

// weights/salient-light.safetensors beside the build folder (a source tree) or share/purnet/ beside bin/ (installed).
// Error, saying where it looked, where there is none.
std::filesystem::path shipped_weights();

}  // namespace purnet
