// JPEG through libjpeg. Its errors leave by longjmp, which must cross no C++ object: read_header and read_rows hold none, the rest
// of the state lives outside them.
#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
// libjpeg's headers need <cstdio> before them, and the list of messages depends on the other one.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <string>

#include "data/image/codec.h"

namespace purnet::codec {
namespace {

// Every scan of a progressive file costs a pass over the whole picture; real files have about ten.
constexpr int most_scans = 100;

struct Job {
    jpeg_decompress_struct jpeg{};
    jpeg_error_mgr errors{};
    jpeg_progress_mgr progress{};
    jpeg_source_mgr source{};
    jmp_buf escape;
    std::string reason;
    bool ended = false;  // the decoder asked for bytes beyond the file
};

Job& job_of(j_common_ptr jpeg) { return *static_cast<Job*>(jpeg->client_data); }

[[noreturn]] void leave(j_common_ptr jpeg, const char* reason) {
    Job& job = job_of(jpeg);
    job.reason = reason;
    std::longjmp(job.escape, 1);
}

void on_error(j_common_ptr jpeg) {
    char text[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, text);
    leave(jpeg, text);
}

// Warnings about lost picture data are errors here; about superfluous bytes or odd headers they are not.
void on_message(j_common_ptr jpeg, int level) {
    if (level >= 0) return;
    switch (jpeg->err->msg_code) {
        case JWRN_HIT_MARKER:
        case JWRN_HUFF_BAD_CODE:
        case JWRN_MUST_RESYNC:
        case JWRN_BOGUS_PROGRESSION:
        case JWRN_ARITH_BAD_CODE: on_error(jpeg); break;
        default: break;
    }
}

void on_progress(j_common_ptr jpeg) {
    if (reinterpret_cast<j_decompress_ptr>(jpeg)->input_scan_number > most_scans) leave(jpeg, "more than 100 scans");
}

void nothing(j_decompress_ptr) {}

// Beyond the end of the file stands an end marker: files that lack only that are whole.
boolean end_of_file(j_decompress_ptr jpeg) {
    static const JOCTET end[2] = {0xff, JPEG_EOI};
    job_of(reinterpret_cast<j_common_ptr>(jpeg)).ended = true;
    jpeg->src->next_input_byte = end;
    jpeg->src->bytes_in_buffer = 2;
    return TRUE;
}

void skip(j_decompress_ptr jpeg, long count) {
    if (count <= 0) return;
    if (static_cast<size_t>(count) > jpeg->src->bytes_in_buffer) {
        end_of_file(jpeg);
        return;
    }
    jpeg->src->next_input_byte += count;
    jpeg->src->bytes_in_buffer -= static_cast<size_t>(count);
}

bool read_header(Job& job, Bytes bytes, Want want, int at_least) {
    if (setjmp(job.escape)) return false;
    jpeg_decompress_struct& jpeg = job.jpeg;
    jpeg.err = jpeg_std_error(&job.errors);
    job.errors.error_exit = on_error;
    job.errors.emit_message = on_message;
    jpeg.client_data = &job;
    jpeg_create_decompress(&jpeg);
    job.progress.progress_monitor = on_progress;
    jpeg.progress = &job.progress;
    job.source.init_source = nothing;
    job.source.fill_input_buffer = end_of_file;
    job.source.skip_input_data = skip;
    job.source.resync_to_restart = jpeg_resync_to_restart;
    job.source.term_source = nothing;
    job.source.next_input_byte = bytes.data();
    job.source.bytes_in_buffer = bytes.size();
    jpeg.src = &job.source;
    jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&jpeg, TRUE);
    switch (jpeg.jpeg_color_space) {
        case JCS_GRAYSCALE:
        case JCS_YCbCr: jpeg.out_color_space = want == Want::grey ? JCS_GRAYSCALE : JCS_RGB; break;
        case JCS_RGB: jpeg.out_color_space = JCS_RGB; break;
        case JCS_CMYK:
        case JCS_YCCK: jpeg.out_color_space = JCS_CMYK; break;
        default: leave(reinterpret_cast<j_common_ptr>(&jpeg), "its components are neither grey, RGB nor CMYK");
    }
    // Fewer coefficients of each block are transformed: the decoder's own way to a smaller picture.
    if (at_least > 0)
        while (jpeg.scale_denom < 8 &&
               std::min(jpeg.image_width, jpeg.image_height) >= 2 * jpeg.scale_denom * static_cast<unsigned>(at_least))
            jpeg.scale_denom *= 2;
    jpeg_calc_output_dimensions(&jpeg);
    return true;
}

bool read_rows(Job& job, OrientedRows& rows, uint8_t* scratch, Want want) {
    if (setjmp(job.escape)) return false;
    jpeg_decompress_struct& jpeg = job.jpeg;
    jpeg_start_decompress(&jpeg);
    const int channels = jpeg.output_components;
    const bool direct = channels == channels_of(want);
    while (jpeg.output_scanline < jpeg.output_height) {
        uint8_t* to = rows.next();
        JSAMPROW row = direct ? to : scratch;
        jpeg_read_scanlines(&jpeg, &row, 1);
        if (channels == 4) {  // inverted CMYK: each stored value is what the ink lets through
            for (size_t x = 0; x < jpeg.output_width; ++x)
                for (size_t c = 0; c < 3; ++c) scratch[3 * x + c] = static_cast<uint8_t>(over_255(row[4 * x + c] * row[4 * x + 3]));
        }
        if (!direct) convert_row(scratch, 3, static_cast<int>(jpeg.output_width), want, to);
        rows.commit();
    }
    // Cut between two scans, a progressive picture would come out blurred without a warning.
    if (job.ended && jpeg_has_multiple_scans(&jpeg)) leave(reinterpret_cast<j_common_ptr>(&jpeg), "it ends early");
    return true;
}

[[noreturn]] void refuse(const Job& job) {
    if (job.ended) fail("the JPEG ends early (a truncated file?); copy it again from its source");
    fail("the JPEG can't be decoded (", job.reason, "); copy it again from its source or save it anew");
}

int orientation_of(const jpeg_decompress_struct& jpeg) {
    static const char exif[6] = {'E', 'x', 'i', 'f', 0, 0};
    for (jpeg_saved_marker_ptr marker = jpeg.marker_list; marker; marker = marker->next)
        if (marker->marker == JPEG_APP0 + 1 && marker->data_length > 6 && std::memcmp(marker->data, exif, 6) == 0)
            return exif_orientation({marker->data + 6, marker->data_length - 6});
    return 1;
}

struct Release {
    Job& job;
    ~Release() { jpeg_destroy_decompress(&job.jpeg); }
};

}  // namespace

Image decode_jpeg(Bytes bytes, Want want, const DecodeLimits& limits, int at_least) {
    Job job;
    const Release release{job};
    if (!read_header(job, bytes, want, at_least)) refuse(job);
    const jpeg_decompress_struct& jpeg = job.jpeg;
    check_size(jpeg.image_width, jpeg.image_height, limits);
    // Huffman coding spends at least one bit on an 8 x 8 block, which covers at most 32 x 32 pixels of a subsampled picture.
    const int64_t pixels = int64_t{jpeg.image_width} * jpeg.image_height;
    if (!jpeg.arith_code) check_plausible(pixels, 8 * 1024, bytes, jpeg.image_width, jpeg.image_height);
    OrientedRows rows(static_cast<int>(jpeg.output_width), static_cast<int>(jpeg.output_height), channels_of(want), orientation_of(jpeg));
    std::vector<uint8_t> scratch(static_cast<size_t>(jpeg.output_width) * 4);
    if (!read_rows(job, rows, scratch.data(), want)) refuse(job);
    return rows.take();
}

}  // namespace purnet::codec
