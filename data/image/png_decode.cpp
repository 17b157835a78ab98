// PNG through libpng. Its errors leave by longjmp, which must cross no C++ object: read_info and read_rows hold none.
#include <png.h>

#include <csetjmp>
#include <cstring>
#include <string>

#include "data/image/codec.h"

namespace purnet::codec {
namespace {

struct Job {
    png_structp png = nullptr;
    png_infop info = nullptr;
    Bytes bytes;
    size_t at = 0;
    bool ended = false;
    jmp_buf escape;
    std::string reason;

    ~Job() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
    Job& job = *static_cast<Job*>(png_get_error_ptr(png));
    job.reason = message;
    std::longjmp(job.escape, 1);
}

void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, size_t count) {
    Job& job = *static_cast<Job*>(png_get_io_ptr(png));
    if (count > job.bytes.size() - job.at) {
        job.ended = true;
        png_error(png, "it ends early");
    }
    std::memcpy(to, job.bytes.data() + job.at, count);
    job.at += count;
}

bool read_info(Job& job) {
    if (setjmp(job.escape)) return false;
    job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
    if (!job.png) return false;
    job.info = png_create_info_struct(job.png);
    if (!job.info) return false;
    png_set_read_fn(job.png, &job, read_bytes);
    png_set_user_limits(job.png, 0x7fffffff, 0x7fffffff);  // check_size says it in better words
    // Texts, profiles and the like are skipped: libpng allocates what their headers declare, 2 GiB for a file of 200 bytes.
    png_set_keep_unknown_chunks(job.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(job.png, job.info);
    return true;
}

// Everything to 8 bits a sample; grey, grey + alpha, RGB or RGBA remain.
bool ask_for_bytes(Job& job, Want want) {
    if (setjmp(job.escape)) return false;
    const int colour = png_get_color_type(job.png, job.info);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(job.png);
    if (colour == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(job.png, job.info) < 8) png_set_expand_gray_1_2_4_to_8(job.png);
    if (png_get_bit_depth(job.png, job.info) == 16) png_set_strip_16(job.png);
    if (want == Want::grey)
        png_set_strip_alpha(job.png);
    else if (png_get_valid(job.png, job.info, PNG_INFO_tRNS))
        png_set_tRNS_to_alpha(job.png);
    png_set_interlace_handling(job.png);
    png_read_update_info(job.png, job.info);
    return true;
}

bool ask_for_values(Job& job) {
    if (setjmp(job.escape)) return false;
    png_set_packing(job.png);
    png_set_interlace_handling(job.png);
    png_read_update_info(job.png, job.info);
    return true;
}

bool read_row(Job& job, uint8_t* to) {
    if (setjmp(job.escape)) return false;
    png_read_row(job.png, to, nullptr);
    return true;
}

bool read_interlaced(Job& job, uint8_t* to, size_t stride, size_t height) {
    if (setjmp(job.escape)) return false;
    for (int pass = 0; pass < 7; ++pass)
        for (size_t y = 0; y < height; ++y) png_read_row(job.png, to + y * stride, nullptr);
    return true;
}

[[noreturn]] void refuse(const Job& job) {
    if (job.ended) fail("the PNG ends early (a truncated file?); copy it again from its source");
    fail("the PNG can't be decoded (", job.reason, "); copy it again from its source or save it anew");
}

// eXIf may stand behind the pixels, where libpng has not been yet.
int orientation_of(Bytes bytes) {
    for (size_t at = 8; bytes.size() - at >= 12;) {
        const size_t length = size_t{bytes[at]} << 24 | size_t{bytes[at + 1]} << 16 | size_t{bytes[at + 2]} << 8 | size_t{bytes[at + 3]};
        if (length > bytes.size() - at - 12) return 1;
        if (std::memcmp(bytes.data() + at + 4, "eXIf", 4) == 0) return exif_orientation(bytes.subspan(at + 8, length));
        at += length + 12;
    }
    return 1;
}

void open(Job& job, Bytes bytes, const DecodeLimits& limits) {
    job.bytes = bytes;
    if (!read_info(job)) refuse(job);
    const int64_t width = png_get_image_width(job.png, job.info), height = png_get_image_height(job.png, job.info);
    check_size(width, height, limits);
    // Deflate makes at most 1032 bytes out of one.
    const int64_t raw = (static_cast<int64_t>(png_get_rowbytes(job.png, job.info)) + 1) * height;
    check_plausible(raw, 1032, bytes, width, height);
}

// Calls row(pointer, y) for every row from the top.
template <class Row>
void for_rows(Job& job, Row&& row) {
    const size_t height = png_get_image_height(job.png, job.info), stride = png_get_rowbytes(job.png, job.info);
    const bool interlaced = png_get_interlace_type(job.png, job.info) != PNG_INTERLACE_NONE;
    std::vector<uint8_t> buffer(interlaced ? stride * height : stride);
    if (interlaced && !read_interlaced(job, buffer.data(), stride, height)) refuse(job);
    for (size_t y = 0; y < height; ++y) {
        if (!interlaced && !read_row(job, buffer.data())) refuse(job);
        row(buffer.data() + (interlaced ? y * stride : 0), static_cast<int>(y));
    }
}

}  // namespace

Image decode_png(Bytes bytes, Want want, const DecodeLimits& limits) {
    Job job;
    open(job, bytes, limits);
    if (!ask_for_bytes(job, want)) refuse(job);
    const int width = static_cast<int>(png_get_image_width(job.png, job.info));
    const int height = static_cast<int>(png_get_image_height(job.png, job.info));
    const int channels = png_get_channels(job.png, job.info);
    OrientedRows rows(width, height, channels_of(want), orientation_of(bytes));
    for_rows(job, [&](const uint8_t* row, int) {
        convert_row(row, channels, width, want, rows.next());
        rows.commit();
    });
    return rows.take();
}

LabelMap decode_png_values(Bytes bytes, const DecodeLimits& limits) {
    Job job;
    open(job, bytes, limits);
    const int colour = png_get_color_type(job.png, job.info), bits = png_get_bit_depth(job.png, job.info);
    require(colour == PNG_COLOR_TYPE_GRAY || colour == PNG_COLOR_TYPE_PALETTE,
            "a label map must be a grey PNG of 8 or 16 bits or a palette PNG, this one is in colour");
    if (!ask_for_values(job)) refuse(job);
    LabelMap map(static_cast<int>(png_get_image_width(job.png, job.info)), static_cast<int>(png_get_image_height(job.png, job.info)), 1);
    for_rows(job, [&](const uint8_t* row, int y) {
        int32_t* to = map.row(y);
        for (int x = 0; x < map.width; ++x) to[x] = bits == 16 ? row[2 * x] << 8 | row[2 * x + 1] : row[x];
    });
    return map;
}

}  // namespace purnet::codec
