#include "apps/run/grey_file.h"

#include <png.h>

#include <cstdio>
#include <memory>
#include <string>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr int64_t max_pixels = 200'000'000;

struct Reader {
    png_structp png = nullptr;
    png_infop info = nullptr;
    std::string error;

    ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
    static_cast<Reader*>(png_get_error_ptr(png))->error = message;
    longjmp(png_jmpbuf(png), 1);
}

void on_warning(png_structp, png_const_charp) {}

// Everything that C++ must destroy lives outside: libpng leaves by longjmp.
bool decode(Reader& reader, std::FILE* file, std::vector<uint8_t>& rows, std::vector<png_bytep>& row_pointers, GreyImage& image,
            int& channels) {
    if (setjmp(png_jmpbuf(reader.png))) return false;
    png_init_io(reader.png, file);
    png_read_info(reader.png, reader.info);
    image.width = png_get_image_width(reader.png, reader.info);
    image.height = png_get_image_height(reader.png, reader.info);
    if (image.width * image.height > max_pixels) png_error(reader.png, "it declares more than 200 million pixels");
    png_set_strip_16(reader.png);
    png_set_strip_alpha(reader.png);
    if (png_get_color_type(reader.png, reader.info) == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(reader.png);
    else
        png_set_expand_gray_1_2_4_to_8(reader.png);
    png_set_interlace_handling(reader.png);
    png_read_update_info(reader.png, reader.info);
    channels = png_get_channels(reader.png, reader.info);
    rows.resize(static_cast<size_t>(image.width * image.height * channels));
    for (int64_t y = 0; y < image.height; ++y) row_pointers.push_back(rows.data() + y * image.width * channels);
    png_read_image(reader.png, row_pointers.data());
    png_read_end(reader.png, nullptr);
    return true;
}

}  // namespace

GreyImage read_grey(const std::filesystem::path& path) {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
    require(file != nullptr, path.string(), ": the file cannot be opened");
    Reader reader;
    reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
    reader.info = reader.png ? png_create_info_struct(reader.png) : nullptr;
    require(reader.info != nullptr, path.string(), ": no memory to read it");
    GreyImage image;
    std::vector<uint8_t> rows;
    std::vector<png_bytep> row_pointers;
    int channels = 0;
    require(decode(reader, file.get(), rows, row_pointers, image, channels), path.string(), ": not a readable PNG (", reader.error, ")");
    if (channels == 1) {
        image.pixels = std::move(rows);
        return image;
    }
    require(channels == 3, path.string(), ": a PNG with ", channels, " channels is not a map or mask");
    image.pixels.resize(static_cast<size_t>(image.width * image.height));
    for (size_t i = 0; i < image.pixels.size(); ++i) {
        const uint8_t* rgb = rows.data() + 3 * i;
        image.pixels[i] = static_cast<uint8_t>((4899 * rgb[0] + 9617 * rgb[1] + 1868 * rgb[2] + 8192) >> 14);
    }
    return image;
}

}  // namespace purnet
