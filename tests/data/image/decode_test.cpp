#include "data/image/decode.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "data/image/codec.h"
#include "data/image/encode.h"
#include "kernels/runtime/error.h"
#include "tests/support/pictures.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::error_of;
using test::largest_difference;

const fs::path goldens = "tests/goldens/pictures";

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("decode: every form of picture equals the stored reading as RGB") {
    int seen = 0;
    for (const fs::directory_entry& entry : fs::directory_iterator(goldens)) {
        const fs::path wanted = entry.path();
        if (wanted.extension() != ".ppm" || !fs::exists(goldens / wanted.stem())) continue;
        const fs::path picture = goldens / wanted.stem();
        if (!has_picture_suffix(picture.string())) continue;
        CAPTURE(picture.string());
        // JPEG libraries may round the inverse transform and the colour conversion differently
        const int tolerance = picture.extension() == ".jpg" ? 2 : 0;
        const int difference = largest_difference(read_rgb(picture), read_rgb(wanted));
        CHECK(difference >= 0);
        CHECK(difference <= tolerance);
        ++seen;
    }
    CHECK(seen == 41);
}

TEST_CASE("decode: masks from RGB, palette and JPEG equal OpenCV's grey") {
    for (const char* name : {"rgb.png", "palette.png", "sub420.jpg"}) {
        CAPTURE(name);
        const int difference = largest_difference(read_grey(goldens / name), read_grey(goldens / (std::string(name) + ".grey.pgm")));
        CHECK(difference >= 0);
        CHECK(difference <= (contains(name, "jpg") ? 1 : 0));
    }
    // one channel as it is: a 1-bit mask is 0 and 255, 16 bits give the high byte, alpha is dropped
    for (const char* name : {"bit.png", "grey.png", "grey16.png", "bits.pbm", "bit.bmp", "words.pgm"}) {
        CAPTURE(name);
        const Image grey = read_grey(goldens / name), rgb = read_rgb(goldens / (std::string(name) + ".ppm"));
        REQUIRE(grey.channels == 1);
        for (size_t i = 0; i < grey.pixels.size(); ++i) REQUIRE(grey.pixels[i] == rgb.pixels[3 * i]);
    }
    const Image plain = read_grey(goldens / "grey.png"), with_alpha = read_grey(goldens / "grey_alpha.png");
    CHECK(largest_difference(plain, with_alpha) == 0);
    for (int v = 0; v < 256; ++v) CHECK(codec::grey_of(v, v, v) == v);
}

TEST_CASE("decode: label maps keep stored values: 16 bits, 8 bits, palette indices") {
    const LabelMap deep = decode_labels_png(read_picture_bytes(goldens / "grey16.png"), "grey16.png");
    REQUIRE(deep.width == 21);
    for (int y = 0; y < deep.height; ++y)
        for (int x = 0; x < deep.width; ++x) REQUIRE(*deep.at(x, y) == x * 3000 + y * 77);
    const LabelMap grey = decode_labels_png(read_picture_bytes(goldens / "grey.png"), "grey.png");
    CHECK(*grey.at(4, 2) == 4 * 12 + 2 * 3);
    const LabelMap palette = decode_labels_png(read_picture_bytes(goldens / "palette.png"), "palette.png");
    std::set<int32_t> values(palette.pixels.begin(), palette.pixels.end());
    CHECK(*values.begin() == 0);
    CHECK(*values.rbegin() < 16);
    CHECK(
        contains(error_of([] { decode_labels_png(read_picture_bytes(goldens / "rgb.png"), "rgb.png"); }), "rgb.png: a label map must be"));
    CHECK(contains(error_of([] { decode_labels_png(bytes_of("P5 1 1 255\nx"), "a.png"); }), "a.png: this is no PNG"));
}

TEST_CASE("decode: EXIF orientation survives hostile directories") {
    using codec::exif_orientation;
    const auto tiff = [](std::vector<uint8_t> bytes) { return exif_orientation(bytes); };
    std::vector<uint8_t> good{'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
    CHECK(tiff(good) == 6);
    CHECK(tiff({'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0}) == 8);
    for (size_t cut = 0; cut < good.size(); ++cut) CHECK(tiff({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut)}) == 1);
    std::vector<uint8_t> far = good;
    far[4] = far[5] = far[6] = far[7] = 0xff;
    CHECK(tiff(far) == 1);
    std::vector<uint8_t> many = good;
    many[8] = many[9] = 0xff;
    many[10] = 0x13;
    CHECK(tiff(many) == 1);
    std::vector<uint8_t> wild = good;
    wild[18] = 9;
    CHECK(tiff(wild) == 1);
}

TEST_CASE("decode: a big turned picture takes the same way as a small one") {
    // 37 rows: two full groups of sixteen and a rest
    const Image stored = test::pattern(53, 37, 3);
    for (int orientation = 1; orientation <= 8; ++orientation) {
        codec::OrientedRows rows(stored.width, stored.height, 3, orientation);
        for (int y = 0; y < stored.height; ++y) {
            std::copy_n(stored.row(y), stored.row_size(), rows.next());
            rows.commit();
        }
        const Image turned = rows.take();
        REQUIRE(turned.width == (orientation >= 5 ? 37 : 53));
        for (int y = 0; y < stored.height; ++y)
            for (int x = 0; x < stored.width; ++x) {
                const int mx = stored.width - 1 - x, my = stored.height - 1 - y;
                const int to[8][2] = {{x, y}, {mx, y}, {mx, my}, {x, my}, {y, x}, {my, x}, {my, mx}, {y, mx}};
                const uint8_t* p = turned.at(to[orientation - 1][0], to[orientation - 1][1]);
                REQUIRE(std::equal(p, p + 3, stored.at(x, y)));
            }
    }
}

TEST_CASE("decode: truncated files of every format are refused in words") {
    for (const char* name :
         {"sub420.jpg", "progressive.jpg", "rgb.png", "interlaced.png", "bytes.ppm", "text.ppm", "rgb.bmp", "rgb.tga", "palette.gif"}) {
        CAPTURE(name);
        const std::vector<uint8_t> whole = read_picture_bytes(goldens / name);
        for (const double part : {0.3, 0.6, 0.8}) {
            const std::vector<uint8_t> cut(whole.begin(),
                                           whole.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(whole.size())));
            const std::string message = error_of([&] { decode_rgb(cut, name); });
            CHECK(contains(message, std::string(name) + ": "));
            CHECK(message.find('\n') == std::string::npos);
        }
    }
    // a JPEG that lacks nothing but its end marker is whole
    std::vector<uint8_t> jpeg = read_picture_bytes(goldens / "sub444.jpg");
    const Image whole = decode_rgb(jpeg, "a.jpg");
    jpeg.resize(jpeg.size() - 2);
    CHECK(decode_rgb(jpeg, "a.jpg") == whole);
    // a progressive one that ends between two scans is not
    std::vector<uint8_t> progressive = read_picture_bytes(goldens / "progressive.jpg");
    size_t last = progressive.size() - 2;
    while (!(progressive[last] == 0xff && progressive[last + 1] == 0xda)) --last;
    progressive.resize(last);
    CHECK(contains(error_of([&] { decode_rgb(progressive, "p.jpg"); }), "p.jpg: the JPEG ends early"));
}

TEST_CASE("decode: what is no picture is named") {
    const auto says = [](const std::string& bytes, const std::string& name) {
        return error_of([&] { decode_rgb(bytes_of(bytes), name); });
    };
    CHECK(says("", "a.png") == "a.png: the file is empty");
    CHECK(says("hello, this is text\n", "a.png") == "a.png: this is text, not a picture");
    CHECK(says(std::string("RIFF\x10\0\0\0WEBPVP8 ", 16), "a.webp") ==
          "a.webp: WebP pictures can't be read here; convert it to PNG or JPEG");
    CHECK(contains(says(std::string("\0\1\2\3\4\5", 6), "x"), "x: this is no picture of a known format"));
    CHECK(contains(says("\xff\xd8", "x.jpg"), "x.jpg: the JPEG ends early"));
    CHECK(contains(error_of([] { read_rgb("tests/goldens/absent.png"); }), "tests/goldens/absent.png: can't be opened: No such file"));
    CHECK(contains(error_of([] { read_rgb("tests/goldens"); }), "is a folder"));
}

TEST_CASE("decode: sizes are checked before anything is allocated") {
    const std::vector<uint8_t> small = encode_png(test::pattern(2, 2, 3));
    std::vector<uint8_t> forged = small;
    for (const size_t at : {size_t{18}, size_t{22}}) forged[at] = 0xea, forged[at + 1] = 0x60;  // 60,000 x 60,000
    // libpng looks at the checksum of the header first
    uint32_t crc = 0xffffffffu;
    for (size_t i = 12; i < 29; ++i) {
        crc ^= forged[i];
        for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
    crc = ~crc;
    for (int i = 0; i < 4; ++i) forged[29 + static_cast<size_t>(i)] = static_cast<uint8_t>(crc >> (24 - 8 * i));
    CHECK(error_of([&] { decode_rgb(forged, "big.png"); }) ==
          "big.png: it declares 60000 x 60000 pixels, more than the limit of 200000000; reduce the picture or raise the limit");
    CHECK(contains(error_of([&] { decode_rgb(forged, "big.png", {int64_t{1} << 40}); }), "which don't fit into its"));
    CHECK(contains(error_of([&] { decode_rgb(small, "s.png", {3}); }), "it declares 2 x 2 pixels, more than the limit of 3"));

    std::vector<uint8_t> jpeg = encode_jpeg(test::pattern(2, 2, 3));
    for (size_t i = 0; i + 9 < jpeg.size(); ++i)
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xc0) jpeg[i + 5] = jpeg[i + 7] = 0x27, jpeg[i + 6] = jpeg[i + 8] = 0x10;  // 10,000 x 10,000
    CHECK(contains(error_of([&] { decode_rgb(jpeg, "j.jpg"); }), "j.jpg: it declares 10000 x 10000 pixels, which don't fit into its"));
    CHECK(contains(error_of([] { decode_rgb(bytes_of("P6 60000 60000 255\n"), "p.ppm"); }), "60000 x 60000"));
    CHECK(contains(error_of([] { decode_rgb(bytes_of("P6 99999999999999999999 1 255\n"), "p.ppm"); }),
                   "p.ppm: the PNM file has a width above"));
    CHECK(contains(error_of([] { decode_rgb(bytes_of("P5 4 4 0\n0123456789abcdef"), "p.pgm"); }), "largest value 0"));
    std::vector<uint8_t> bmp = read_picture_bytes(goldens / "rgb.bmp");
    bmp[20] = 1;  // width 65,557
    CHECK(contains(error_of([&] { decode_rgb(bmp, "b.bmp"); }), "b.bmp: the BMP ends early"));
    std::vector<uint8_t> gif = read_picture_bytes(goldens / "palette.gif");
    gif[7] = gif[9] = 0xff;
    CHECK(contains(error_of([&] { decode_rgb(gif, "g.gif"); }), "more than the limit of 50000000"));
}

// A declared 2 GiB costs address space even where nothing is written to it, so VmPeak shows it; a child begins with a peak of its own.
TEST_CASE("decode: chunks of a PNG that declare more than there is cost no memory") {
    const auto status_kib = [](const std::string& key) {
        std::ifstream status("/proc/self/status");
        for (std::string line; std::getline(status, line);)
            if (line.starts_with(key)) return std::stoll(line.substr(key.size() + 1));
        return -1LL;
    };
    if (status_kib("VmPeak") < 0) {
        MESSAGE("there is no /proc/self/status here, skipped");
        return;
    }
    const std::vector<uint8_t> whole = read_picture_bytes(goldens / "rgb.png");
    for (const char* name : {"eXIf", "iCCP", "zTXt", "iTXt", "sPLT", "abCd"}) {
        CAPTURE(name);
        std::vector<uint8_t> file(whole.begin(), whole.begin() + 33);  // signature and IHDR
        for (const uint8_t byte : {0x7f, 0, 0, 0}) file.push_back(byte);
        file.insert(file.end(), name, name + 4);
        file.insert(file.end(), whole.begin() + 33, whole.end());
        CHECK(contains(error_of([&] { decode_rgb(file, "big.png"); }), "big.png: the PNG ends early"));
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            const long long before = status_kib("VmSize");
            error_of([&] { decode_rgb(file, "big.png"); });
            ::_exit(status_kib("VmPeak") - before < 256 * 1024 ? 0 : 1);
        }
        int status = -1;
        REQUIRE(::waitpid(child, &status, 0) == child);
        CHECK(status == 0);
    }
}

TEST_CASE("encode: PNG of 8 and 16 bits and JPEG come back") {
    for (const int channels : {1, 3})
        for (const int compression : {1, 9}) {
            const Image image = test::pattern(33, 17, channels);
            const std::vector<uint8_t> png = encode_png(image, compression);
            CHECK(largest_difference(channels == 1 ? decode_grey(png, "x") : decode_rgb(png, "x"), image) == 0);
        }
    const Image clear(3, 2, 4, 0);
    const Image white(3, 2, 3, 255);
    CHECK(decode_rgb(encode_png(clear), "x") == white);
    Image16 deep(5, 4, 1);
    for (size_t i = 0; i < deep.pixels.size(); ++i) deep.pixels[i] = static_cast<uint16_t>(i * 3001);
    const LabelMap back = decode_labels_png(encode_png(deep), "x");
    for (size_t i = 0; i < deep.pixels.size(); ++i) CHECK(back.pixels[i] == deep.pixels[i]);
    Image smooth(40, 30, 3);
    for (size_t i = 0; i < smooth.pixels.size(); ++i) smooth.pixels[i] = static_cast<uint8_t>(i / 3 % 40 * 5);
    const int difference = largest_difference(decode_rgb(encode_jpeg(smooth, 95), "x"), smooth);
    CHECK(difference >= 0);
    CHECK(difference < 12);
    CHECK(decode_rgb(encode_png(Image(1, 1, 3, 9)), "x") == Image(1, 1, 3, 9));
    CHECK(decode_grey(encode_jpeg(Image(1, 1, 1, 255)), "x").pixels[0] > 250);
    // more than one block of the JPEG writer
    const Image big = test::pattern(401, 300, 3);
    CHECK(largest_difference(decode_rgb(encode_jpeg(big, 100), "x"), big) >= 0);
    CHECK_THROWS_AS(encode_png(Image()), Error);
    CHECK_THROWS_AS(encode_png(Image(2, 2, 2)), Error);
    CHECK_THROWS_AS(encode_jpeg(Image(2, 2, 4)), Error);
}

TEST_CASE("decode: the photographs of the documentation") {
    const Image cat = read_rgb("docs/photos/chelsea.jpg"), camera = read_rgb("docs/photos/camera.jpg");
    CHECK(cat.width > cat.height);
    CHECK(read_grey("docs/photos/camera.jpg").channels == 1);
    bool grey = true;
    for (size_t i = 0; i < camera.pixels.size(); i += 3)
        grey = grey && camera.pixels[i] == camera.pixels[i + 1] && camera.pixels[i] == camera.pixels[i + 2];
    CHECK(grey);
}

TEST_CASE("decode: suffixes") {
    for (const char* yes : {"a.jpg", "A.JPG", "d/a.b.png", "x.PgM"}) CHECK(has_picture_suffix(yes));
    for (const char* no : {"a", "a.txt", "png", "a.png/b", "x.webp", ""}) CHECK_FALSE(has_picture_suffix(no));
}

}  // namespace purnet
