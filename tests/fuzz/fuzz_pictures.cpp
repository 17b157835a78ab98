// Pictures of every format, label maps and tars.
#include <filesystem>
#include <string>

#include "core/formats/byte_source.h"
#include "data/image/decode.h"
#include "data/source/dataset.h"
#include "data/source/tar.h"
#include "kernels/runtime/error.h"
#include "tests/fuzz/fuzz.h"

namespace purnet::fuzz {
namespace {

Bytes whole(const std::string& path) {
    const ByteSource source{std::filesystem::path(path)};
    return source.read(0, static_cast<size_t>(source.size()));
}

std::function<std::vector<Bytes>()> pictures(std::vector<std::string> names) {
    return [names] {
        std::vector<Bytes> files;
        for (const std::string& name : names) files.push_back(whole("tests/goldens/pictures/" + name));
        return files;
    };
}

// A low limit keeps a mutated size from costing seconds; what it costs below the limit is counted.
constexpr DecodeLimits limits{2'000'000};

std::function<void(const Bytes&)> both_ways(const std::string& name) {
    return [name](const Bytes& file) {
        // a file that is refused as a picture may still be read as a mask, in which more is ignored
        try {
            decode_rgb(file, name, limits);
        } catch (const Error&) {
            decode_grey(file, name, limits);
        }
    };
}

uint32_t crc_of(const uint8_t* data, size_t count) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < count; ++i) {
        crc ^= data[i];
        for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

// Checksums of the chunks, as far as their lengths make sense.
void repair_png(Bytes& file) {
    for (size_t at = 8; at + 12 <= file.size();) {
        const size_t length = size_t{file[at]} << 24 | size_t{file[at + 1]} << 16 | size_t{file[at + 2]} << 8 | size_t{file[at + 3]};
        if (length > file.size() - at - 12) return;
        const uint32_t crc = crc_of(file.data() + at + 4, length + 4);
        for (size_t i = 0; i < 4; ++i) file[at + 8 + length + i] = static_cast<uint8_t>(crc >> (24 - 8 * i));
        at += length + 12;
    }
}

// Checksums of everything that could be a header.
void repair_tar(Bytes& file) {
    for (size_t at = 0; at + 512 <= file.size(); at += 512) {
        if (file[at + 257] != 'u') continue;
        unsigned sum = 0;
        for (size_t i = 0; i < 512; ++i) sum += i >= 148 && i < 156 ? ' ' : file[at + i];
        for (size_t i = 0; i < 6; ++i) file[at + 148 + i] = static_cast<uint8_t>('0' + (sum >> (15 - 3 * i) & 7));
        file[at + 154] = 0;
        file[at + 155] = ' ';
    }
}

const FuzzRegistration jpeg({.name = "jpeg",
                             .samples = pictures({"sub420.jpg", "sub422.jpg", "sub444.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg",
                                                  "ycck.jpg", "exif6.jpg"}),
                             .decode = both_ways("fuzz.jpg")});
const FuzzRegistration png({.name = "png",
                            .samples = pictures({"rgb.png", "rgba.png", "grey.png", "grey_alpha.png", "grey16.png", "rgb16.png", "bit.png",
                                                 "palette.png", "palette_clear.png", "interlaced.png", "turned.png"}),
                            .decode = both_ways("fuzz.png"),
                            .repair = repair_png});
const FuzzRegistration pnm({.name = "pnm",
                            .samples = pictures({"bytes.ppm", "bytes.pgm", "text.ppm", "text.pgm", "text.pbm", "bits.pbm", "words.pgm"}),
                            .decode = both_ways("fuzz.ppm")});
const FuzzRegistration bmp({.name = "bmp", .samples = pictures({"rgb.bmp", "palette.bmp", "bit.bmp"}), .decode = both_ways("fuzz.bmp")});
const FuzzRegistration tga({.name = "tga", .samples = pictures({"rgb.tga", "runs.tga", "rgba.tga"}), .decode = both_ways("fuzz.tga")});
const FuzzRegistration gif({.name = "gif", .samples = pictures({"palette.gif", "two.gif"}), .decode = both_ways("fuzz.gif")});
const FuzzRegistration labels({.name = "label map",
                               .samples = pictures({"grey16.png", "grey.png", "palette.png", "bit.png"}),
                               .decode = [](const Bytes& file) { decode_labels(file, "fuzz.png", limits); },
                               .repair = repair_png});
// Both forms that MATLAB writes, and a name that isn't the asked one.
const FuzzRegistration mat({.name = "mat",
                            .samples =
                                [] {
                                    std::vector<Bytes> files;
                                    for (const char* form : {"plain", "packed", "double", "several"})
                                        files.push_back(whole(std::string("tests/goldens/mat/") + form + ".mat"));
                                    return files;
                                },
                            .decode = [](const Bytes& file) { decode_labels(file, "fuzz.mat", limits); }});
const FuzzRegistration tar({.name = "tar",
                            .samples =
                                [] {
                                    std::vector<Bytes> files;
                                    for (const char* form : {"ustar", "gnu", "pax"})
                                        files.push_back(whole(std::string("tests/goldens/tar/") + form + ".tar"));
                                    return files;
                                },
                            .decode =
                                [](const Bytes& file) {
                                    for (const NamedFile& entry : list_tar(std::make_shared<ByteSource>(file, "fuzz.tar"))) {
                                        const std::string shown = entry.file.shown();
                                        if (has_picture_suffix(entry.name)) decode_rgb(entry.file.read(), shown, limits);
                                    }
                                },
                            .repair = repair_tar});

}  // namespace
}  // namespace purnet::fuzz
