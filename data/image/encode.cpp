#include "data/image/encode.h"

#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
// libjpeg's header needs <cstdio> before it.
#include <jpeglib.h>

#include <algorithm>
#include <bit>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

// Both libraries leave by longjmp, which must cross no C++ object: what grows here is a plain block.
struct Output {
    uint8_t* data = nullptr;
    size_t size = 0, capacity = 0;
    jmp_buf escape;
    std::string reason;

    ~Output() { std::free(data); }
    bool append(const uint8_t* from, size_t count) {
        if (count > capacity - size) {
            const size_t wanted = std::max(size + count, capacity * 2 + 4096);
            void* grown = std::realloc(data, wanted);
            if (!grown) return false;
            data = static_cast<uint8_t*>(grown);
            capacity = wanted;
        }
        std::memcpy(data + size, from, count);
        size += count;
        return true;
    }
    std::vector<uint8_t> bytes() const { return {data, data + size}; }
};

void on_png_error(png_structp png, png_const_charp message) {
    Output& output = *static_cast<Output*>(png_get_error_ptr(png));
    output.reason = message;
    std::longjmp(output.escape, 1);
}
void on_png_warning(png_structp, png_const_charp) {}
void write_png(png_structp png, png_bytep from, size_t count) {
    if (!static_cast<Output*>(png_get_io_ptr(png))->append(from, count)) png_error(png, "not enough memory");
}
void flush_png(png_structp) {}

struct PngWriter {
    Output output;
    png_structp png = nullptr;
    png_infop info = nullptr;
    ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

bool write(PngWriter& writer, const uint8_t* pixels, int width, int height, int channels, int bits, int compression) {
    if (setjmp(writer.output.escape)) return false;
    writer.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &writer.output, on_png_error, on_png_warning);
    if (!writer.png) return false;
    writer.info = png_create_info_struct(writer.png);
    if (!writer.info) return false;
    png_set_user_limits(writer.png, 0x7fffffff, 0x7fffffff);
    png_set_write_fn(writer.png, &writer.output, write_png, flush_png);
    const int colour = channels == 1 ? PNG_COLOR_TYPE_GRAY : channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_RGB_ALPHA;
    png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), bits, colour,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(writer.png, compression);
    png_set_filter(writer.png, PNG_FILTER_TYPE_BASE, compression <= 3 ? PNG_FILTER_UP : PNG_ALL_FILTERS);
    png_write_info(writer.png, writer.info);
    if (bits == 16 && std::endian::native == std::endian::little) png_set_swap(writer.png);
    const size_t stride = static_cast<size_t>(width) * static_cast<size_t>(channels) * static_cast<size_t>(bits / 8);
    for (int y = 0; y < height; ++y) png_write_row(writer.png, pixels + static_cast<size_t>(y) * stride);
    png_write_end(writer.png, writer.info);
    return true;
}

template <class Sample>
void check(const BasicImage<Sample>& image, const char* format, bool alpha) {
    require(image.width > 0 && image.height > 0 && image.pixels.size() == image.row_size() * static_cast<size_t>(image.height), format,
            ": the picture of ", image.width, " x ", image.height, " pixels holds ", image.pixels.size(), " samples");
    require(image.channels == 1 || image.channels == 3 || (alpha && image.channels == 4), format, ": a picture of ", image.channels,
            " channels can't be written");
}

template <class Sample>
std::vector<uint8_t> png_of(const BasicImage<Sample>& image, int compression) {
    check(image, "PNG", true);
    PngWriter writer;
    if (!write(writer, reinterpret_cast<const uint8_t*>(image.pixels.data()), image.width, image.height, image.channels, 8 * sizeof(Sample),
               std::clamp(compression, 1, 9)))
        fail("PNG: a picture of ", image.width, " x ", image.height, " pixels can't be written (", writer.output.reason, ")");
    return writer.output.bytes();
}

struct JpegWriter {
    Output output;
    jpeg_compress_struct jpeg{};
    jpeg_error_mgr errors{};
    jpeg_destination_mgr destination{};
    uint8_t block[16384];
    ~JpegWriter() { jpeg_destroy_compress(&jpeg); }
};

JpegWriter& writer_of(j_common_ptr jpeg) { return *static_cast<JpegWriter*>(jpeg->client_data); }

[[noreturn]] void leave(JpegWriter& writer, const char* reason) {
    writer.output.reason = reason;
    std::longjmp(writer.output.escape, 1);
}

void on_jpeg_error(j_common_ptr jpeg) {
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    leave(writer_of(jpeg), text);
}

void empty_block(j_compress_ptr jpeg) {
    jpeg->dest->next_output_byte = writer_of(reinterpret_cast<j_common_ptr>(jpeg)).block;
    jpeg->dest->free_in_buffer = sizeof(JpegWriter::block);
}

// libjpeg calls it when the block is full, whatever free_in_buffer says.
boolean full_block(j_compress_ptr jpeg) {
    JpegWriter& writer = writer_of(reinterpret_cast<j_common_ptr>(jpeg));
    if (!writer.output.append(writer.block, sizeof writer.block)) leave(writer, "not enough memory");
    empty_block(jpeg);
    return TRUE;
}

void last_block(j_compress_ptr jpeg) {
    JpegWriter& writer = writer_of(reinterpret_cast<j_common_ptr>(jpeg));
    if (!writer.output.append(writer.block, sizeof writer.block - jpeg->dest->free_in_buffer)) leave(writer, "not enough memory");
}

bool write(JpegWriter& writer, const Image& image, int quality) {
    if (setjmp(writer.output.escape)) return false;
    jpeg_compress_struct& jpeg = writer.jpeg;
    jpeg.err = jpeg_std_error(&writer.errors);
    writer.errors.error_exit = on_jpeg_error;
    jpeg.client_data = &writer;
    jpeg_create_compress(&jpeg);
    writer.destination.init_destination = empty_block;
    writer.destination.empty_output_buffer = full_block;
    writer.destination.term_destination = last_block;
    jpeg.dest = &writer.destination;
    jpeg.image_width = static_cast<JDIMENSION>(image.width);
    jpeg.image_height = static_cast<JDIMENSION>(image.height);
    jpeg.input_components = image.channels;
    jpeg.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW row = const_cast<uint8_t*>(image.row(static_cast<int>(jpeg.next_scanline)));
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    return true;
}

}  // namespace

std::vector<uint8_t> encode_png(const Image& image, int compression) { return png_of(image, compression); }
std::vector<uint8_t> encode_png(const Image16& image, int compression) { return png_of(image, compression); }

std::vector<uint8_t> encode_jpeg(const Image& image, int quality) {
    check(image, "JPEG", false);
    JpegWriter writer;
    if (!write(writer, image, std::clamp(quality, 1, 100)))
        fail("JPEG: a picture of ", image.width, " x ", image.height, " pixels can't be written (", writer.output.reason, ")");
    return writer.output.bytes();
}

}  // namespace purnet
