#include "data/image/decode.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

#include "core/formats/byte_source.h"
#include "data/image/codec.h"

namespace purnet {
namespace codec {

void check_size(int64_t width, int64_t height, const DecodeLimits& limits) {
    require(width > 0 && height > 0, "it declares ", width, " x ", height, " pixels");
    require(width <= INT32_MAX && height <= INT32_MAX && height <= limits.max_pixels / width, "it declares ", width, " x ", height,
            " pixels, more than the limit of ", limits.max_pixels, "; reduce the picture or raise the limit");
}

void check_plausible(int64_t declared, int64_t most, Bytes bytes, int64_t width, int64_t height) {
    require(declared / most <= static_cast<int64_t>(bytes.size()), "it declares ", width, " x ", height,
            " pixels, which don't fit into its ", bytes.size(), " bytes (a truncated file?)");
}

void convert_row(const uint8_t* from, int channels, int count, Want want, uint8_t* to) {
    const size_t pixels = static_cast<size_t>(count);
    if (channels == channels_of(want)) {
        std::memcpy(to, from, pixels * static_cast<size_t>(channels));
    } else if (want == Want::grey) {
        for (size_t x = 0; x < pixels; ++x, from += channels) to[x] = channels == 2 ? from[0] : grey_of(from[0], from[1], from[2]);
    } else if (channels == 1) {
        for (size_t x = 0; x < pixels; ++x) to[3 * x] = to[3 * x + 1] = to[3 * x + 2] = from[x];
    } else if (channels == 2) {
        for (size_t x = 0; x < pixels; ++x) to[3 * x] = to[3 * x + 1] = to[3 * x + 2] = on_white(from[2 * x], from[2 * x + 1]);
    } else {
        for (size_t x = 0; x < pixels; ++x)
            for (size_t c = 0; c < 3; ++c) to[3 * x + c] = on_white(from[4 * x + c], from[4 * x + 3]);
    }
}

}  // namespace codec

namespace {

using codec::Bytes;
using codec::Want;

std::string lower(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

std::string suffix_of(std::string_view name) {
    const size_t dot = name.find_last_of("./");
    return dot == std::string_view::npos || name[dot] != '.' ? "" : lower(name.substr(dot + 1));
}

bool starts(Bytes bytes, size_t at, std::string_view text) {
    return bytes.size() >= at + text.size() && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

// What a file that can't be read seems to be.
std::string guess(Bytes bytes) {
    if (starts(bytes, 0, "RIFF") && starts(bytes, 8, "WEBP")) return "WebP";
    if (starts(bytes, 4, "ftypavif")) return "AVIF";
    if (starts(bytes, 4, "ftyphei") || starts(bytes, 4, "ftypmif1")) return "HEIC";
    if (starts(bytes, 0, std::string_view("II*\0", 4)) || starts(bytes, 0, std::string_view("MM\0*", 4))) return "TIFF";
    if (starts(bytes, 0, "8BPS")) return "Photoshop";
    if (starts(bytes, 0, "%PDF")) return "PDF";
    if (starts(bytes, 0, "\xff\x0a") || starts(bytes, 0, std::string_view("\0\0\0\x0cJXL ", 8))) return "JPEG XL";
    const size_t sample = std::min<size_t>(bytes.size(), 512);
    const bool text = std::all_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(sample),
                                  [](uint8_t c) { return c >= 32 || (c >= 9 && c <= 13); });
    return text ? "text" : "";
}

Image decode(Bytes bytes, const std::string& name, Want want, const DecodeLimits& limits, int at_least = 0) {
    if (bytes.empty()) fail("the file is empty");
    if (starts(bytes, 0, "\xff\xd8")) return codec::decode_jpeg(bytes, want, limits, at_least);
    if (starts(bytes, 0, std::string_view("\x89PNG\r\n\x1a\n", 8))) return codec::decode_png(bytes, want, limits);
    if (bytes.size() > 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' && (std::isspace(bytes[2]) || bytes[2] == '#'))
        return codec::decode_pnm(bytes, want, limits);
    if (starts(bytes, 0, "BM")) return codec::decode_stb(bytes, codec::StbFormat::bmp, want, limits);
    if (starts(bytes, 0, "GIF87a") || starts(bytes, 0, "GIF89a")) return codec::decode_stb(bytes, codec::StbFormat::gif, want, limits);
    const std::string suffix = suffix_of(name), seems = guess(bytes);
    if (suffix == "tga" && seems.empty()) return codec::decode_stb(bytes, codec::StbFormat::tga, want, limits);
    if (seems == "text") fail("this is text, not a picture");
    if (!seems.empty()) fail(seems, " pictures can't be read here; convert it to PNG or JPEG");
    fail("this is no picture of a known format (JPEG, PNG, PNM, BMP, GIF, TGA)");
}

template <class Function>
auto named(const std::string& name, Function&& function) {
    try {
        return function();
    } catch (const Error& error) {
        fail(name, ": ", error.what());
    } catch (const std::bad_alloc&) {
        fail(name, ": there is not enough memory for the picture; reduce it");
    }
}

}  // namespace

Image decode_rgb(Bytes bytes, const std::string& name, const DecodeLimits& limits) {
    return named(name, [&] { return decode(bytes, name, Want::rgb, limits); });
}

Image decode_grey(Bytes bytes, const std::string& name, const DecodeLimits& limits) {
    return named(name, [&] { return decode(bytes, name, Want::grey, limits); });
}

Image decode_rgb_reduced(Bytes bytes, const std::string& name, int at_least, const DecodeLimits& limits) {
    return named(name, [&] { return decode(bytes, name, Want::rgb, limits, at_least); });
}

LabelMap decode_labels_png(Bytes bytes, const std::string& name, const DecodeLimits& limits) {
    return named(name, [&] {
        require(starts(bytes, 0, std::string_view("\x89PNG\r\n\x1a\n", 8)), "this is no PNG");
        return codec::decode_png_values(bytes, limits);
    });
}

std::vector<uint8_t> read_picture_bytes(const std::filesystem::path& path) {
    const ByteSource source(path);
    require(source.size() > 0, path.string(), ": the file is empty");
    return source.read(0, source.size());
}

Image read_rgb(const std::filesystem::path& path, const DecodeLimits& limits) {
    return decode_rgb(read_picture_bytes(path), path.string(), limits);
}

Image read_grey(const std::filesystem::path& path, const DecodeLimits& limits) {
    return decode_grey(read_picture_bytes(path), path.string(), limits);
}

bool has_picture_suffix(std::string_view name) {
    static constexpr std::array<std::string_view, 13> known{"jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib",
                                                            "pbm", "pgm",  "ppm", "pnm",  "tga", "gif"};
    return std::find(known.begin(), known.end(), suffix_of(name)) != known.end();
}

}  // namespace purnet
