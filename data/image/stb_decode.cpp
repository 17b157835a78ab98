// BMP, TGA and the first frame of GIF through stb_image, which gets no other format compiled in. It takes zeros for what lies beyond the
// end of a file; here such a read is an error. Sizes are checked before it allocates.
#include <memory>

#include "data/image/codec.h"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#endif
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace purnet::codec {
namespace {

struct Source {
    Bytes bytes;
    size_t at = 0;
    bool ended = false;
};

int read(void* user, char* to, int count) {
    Source& source = *static_cast<Source*>(user);
    const size_t left = source.bytes.size() - source.at, take = std::min(left, static_cast<size_t>(std::max(count, 0)));
    if (take == 0 && count > 0) source.ended = true;
    std::memcpy(to, source.bytes.data() + source.at, take);
    source.at += take;
    return static_cast<int>(take);
}

void skip(void* user, int count) {
    Source& source = *static_cast<Source*>(user);
    const int64_t to = static_cast<int64_t>(source.at) + count;
    if (to < 0 || to > static_cast<int64_t>(source.bytes.size())) source.ended = true;
    source.at = static_cast<size_t>(std::clamp<int64_t>(to, 0, static_cast<int64_t>(source.bytes.size())));
}

int at_end(void* user) {
    const Source& source = *static_cast<const Source*>(user);
    return source.at == source.bytes.size();
}

int64_t u16(Bytes bytes, size_t at) { return bytes[at] | bytes[at + 1] << 8; }
int64_t i32(Bytes bytes, size_t at) {
    return static_cast<int32_t>(static_cast<uint32_t>(u16(bytes, at)) | static_cast<uint32_t>(u16(bytes, at + 2)) << 16);
}

void check_bmp(Bytes bytes, const DecodeLimits& limits) {
    require(bytes.size() >= 54 || (bytes.size() >= 26 && i32(bytes, 14) == 12), "the BMP ends early (a truncated file?)");
    const bool old = i32(bytes, 14) == 12;
    const int64_t width = old ? u16(bytes, 18) : i32(bytes, 18), height = std::abs(old ? u16(bytes, 20) : i32(bytes, 22));
    const int64_t bits = old ? u16(bytes, 24) : u16(bytes, 28), compression = old ? 0 : i32(bytes, 30);
    require(compression == 0 || compression == 3, "a run-length coded or embedded BMP can't be read here; save it as PNG");
    check_size(width, height, limits);
    const int64_t offset = i32(bytes, 10), row = (width * bits + 31) / 32 * 4;
    require(offset >= 26 && bits >= 1 && bits <= 32, "the BMP's header is malformed");
    // the padding behind the last row may be missing
    require(offset + row * (height - 1) + (width * bits + 7) / 8 <= static_cast<int64_t>(bytes.size()), "the BMP ends early: ", width,
            " x ", height, " pixels don't fit into its ", bytes.size(), " bytes");
}

void check_tga(Bytes bytes, const DecodeLimits& limits) {
    require(bytes.size() > 18, "the TGA ends early (a truncated file?)");
    const int64_t width = u16(bytes, 12), height = u16(bytes, 14);
    check_size(width, height, limits);
    check_plausible(width * height, 128, bytes, width, height);  // a run of 128 pixels takes at least two bytes
}

void check_gif(Bytes bytes, const DecodeLimits& limits) {
    require(bytes.size() > 13, "the GIF ends early (a truncated file?)");
    // stb_image holds nine bytes a pixel beside the result
    check_size(u16(bytes, 6), u16(bytes, 8), {limits.max_pixels / 4});
}

}  // namespace

Image decode_stb(Bytes bytes, StbFormat format, Want want, const DecodeLimits& limits) {
    const char* name = format == StbFormat::bmp ? "BMP" : format == StbFormat::tga ? "TGA" : "GIF";
    if (format == StbFormat::bmp) check_bmp(bytes, limits);
    if (format == StbFormat::tga) check_tga(bytes, limits);
    if (format == StbFormat::gif) check_gif(bytes, limits);
    Source source{bytes};
    const stbi_io_callbacks callbacks{read, skip, at_end};
    int width = 0, height = 0, channels = 0;
    const std::unique_ptr<stbi_uc, void (*)(void*)> pixels(stbi_load_from_callbacks(&callbacks, &source, &width, &height, &channels, 0),
                                                           stbi_image_free);
    require(!source.ended, "the ", name, " ends early (a truncated file?); copy it again from its source");
    require(pixels != nullptr, "the ", name, " can't be decoded (", stbi_failure_reason() ? stbi_failure_reason() : "no reason given",
            "); save it as PNG with another program");
    check_size(width, height, limits);
    Image image(width, height, channels_of(want));
    // A GIF comes out as RGBA whatever its header made stb report.
    const int stored = format == StbFormat::gif ? 4 : channels;
    for (int y = 0; y < height; ++y)
        convert_row(pixels.get() + static_cast<size_t>(y) * static_cast<size_t>(width) * static_cast<size_t>(stored), stored, width, want,
                    image.row(y));
    return image;
}

}  // namespace purnet::codec
