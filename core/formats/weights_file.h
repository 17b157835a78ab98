// Weights from a file of any of the known forms, told by content, not by name: safetensors, PyTorch's zip form, PyTorch's
// older form. What is none of them is an Error that says what it seems to be.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "core/formats/array.h"
#include "core/formats/byte_source.h"

namespace purnet {

enum class WeightsFormat : uint8_t { safetensors, pth, legacy_pth };
std::string_view name_of(WeightsFormat format);

WeightsFormat detect_weights_format(const ByteSource& source);  // Error: "NAME: not a weights file: …"

NamedArrays load_named_arrays(const std::filesystem::path& path);
NamedArrays decode_named_arrays(const ByteSource& source);

}  // namespace purnet
