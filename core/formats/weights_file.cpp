#include "core/formats/weights_file.h"

#include <algorithm>

#include "core/formats/pth.h"
#include "core/formats/safetensors.h"

namespace purnet {
namespace {

// What a file that is no weights file seems to be, from its first bytes.
std::string seems(const ByteSource& source) {
    if (source.size() == 0) return "it is empty";
    const auto start = source.read(0, std::min<uint64_t>(source.size(), 512));
    const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
    if (text.starts_with("version https://git-lfs")) return "it is a Git LFS pointer, the weights themselves have not been fetched";
    if (text.starts_with("<") || text.starts_with("\xef\xbb\xbf<")) return "it is a web page or XML";
    if (text.starts_with("\x93NUMPY")) return "it is a single NumPy array";
    if (text.starts_with("\x89HDF")) return "it is an HDF5 file";
    if (text.starts_with("\x89PNG") || text.starts_with("\xff\xd8\xff")) return "it is a picture";
    if (text.starts_with("\x1f\x8b")) return "it is compressed by gzip, unpack it first";
    if (text.size() > 262 && text.substr(257, 5) == "ustar") return "it is a tar archive (PyTorch before 0.2 wrote such)";
    if (start[0] == 0x80 && start.size() > 1 && start[1] >= 2 && start[1] <= 5) return "it is a pickle, but not one of torch.save";
    const bool is_text =
        std::all_of(start.begin(), start.end(), [](uint8_t c) { return c >= 0x20 || c == '\n' || c == '\r' || c == '\t'; });
    if (is_text) return "it is text";
    return "its first bytes are those of no known form (safetensors, .pth)";
}

}  // namespace

std::string_view name_of(WeightsFormat format) {
    switch (format) {
        case WeightsFormat::safetensors: return "safetensors";
        case WeightsFormat::pth: return "PyTorch checkpoint";
        case WeightsFormat::legacy_pth: return "PyTorch checkpoint (older form)";
    }
    return "?";
}

WeightsFormat detect_weights_format(const ByteSource& source) {
    if (looks_like_zip(source)) return WeightsFormat::pth;
    if (looks_like_legacy_pth(source)) return WeightsFormat::legacy_pth;
    if (source.size() > 8) {
        // A length below 2^40 and an opening brace: no text has zero bytes there. Whether the length holds is the reader's matter.
        uint8_t start[9];
        source.read(0, start, sizeof start);
        if (start[8] == '{' && start[5] == 0 && start[6] == 0 && start[7] == 0) return WeightsFormat::safetensors;
    }
    fail(source.name(), ": not a weights file: ", seems(source));
}

NamedArrays decode_named_arrays(const ByteSource& source) {
    return detect_weights_format(source) == WeightsFormat::safetensors ? decode_safetensors(source) : decode_pth(source);
}

NamedArrays load_named_arrays(const std::filesystem::path& path) { return decode_named_arrays(ByteSource(path)); }

}  // namespace purnet
