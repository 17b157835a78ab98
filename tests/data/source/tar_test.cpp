#include "data/source/tar.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "core/random/philox.h"
#include "data/image/decode.h"
#include "data/source/dataset.h"
#include "tests/support/refused.h"
#include "tests/support/shared.h"

namespace purnet {
namespace {

std::vector<uint8_t> bytes_of(const char* path) {
    const ByteSource source{std::filesystem::path(path)};
    return source.read(0, source.size());
}

std::vector<NamedFile> list(const std::vector<uint8_t>& bytes) { return list_tar(std::make_shared<ByteSource>(bytes, "x.tar")); }

void fix_checksum(std::vector<uint8_t>& tar, size_t header) {
    std::fill_n(tar.begin() + static_cast<std::ptrdiff_t>(header) + 148, 8, ' ');
    unsigned sum = 0;
    for (size_t i = 0; i < 512; ++i) sum += tar[header + i];
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    std::copy_n(text, 7, tar.begin() + static_cast<std::ptrdiff_t>(header) + 148);
}

}  // namespace

TEST_CASE("tar: ustar, GNU and pax list the same files") {
    for (const char* form : {"ustar", "gnu", "pax"}) {
        CAPTURE(form);
        const std::string path = std::string("tests/goldens/tar/") + form + ".tar";
        std::map<std::string, FileRef> files;
        for (const NamedFile& file : list_tar(std::make_shared<ByteSource>(std::filesystem::path(path)))) files[file.name] = file.file;
        CHECK(files.size() == (std::string(form) == "ustar" ? 7 : 9));
        CHECK(files.contains(std::string(60, 'x') + "/" + std::string(60, 'y') + "/notes.txt"));
        CHECK_FALSE(files.contains("images/soft.png"));
        CHECK_FALSE(files.contains("images/._a.png"));
        const auto value = [&](const char* name) { return decode_grey(files.at(name).read(), name).pixels[0]; };
        CHECK(value("images/b.png") == 10);
        CHECK(value("masks/a.png") == 201);
        CHECK(value("masks/linked.png") == 201);
        CHECK(value("images/linked.png") == 11);  // the link was made before the second version
        CHECK(value("images/a.png") == 99);
        CHECK(files.at("images/a.png").shown() == path + ":images/a.png");
    }
}

TEST_CASE("tar: what is no tar, compressed or damaged is refused in words") {
    const std::vector<uint8_t> good = bytes_of("tests/goldens/tar/pax.tar");
    REFUSED(list({}), "x.tar: the file is empty");
    REFUSED(list({'h', 'e', 'l', 'l', 'o'}), "x.tar: this is no tar archive");
    REFUSED(list(std::vector<uint8_t>(600, 'q')), "x.tar: this is no tar archive");
    REFUSED(list({0x1f, 0x8b, 8, 0, 0, 0, 0, 0}), "x.tar: a compressed tar can't be read in place");
    std::vector<uint8_t> bad = good;
    bad[512 + 3] ^= 1;
    REFUSED(list(bad), "x.tar: the tar is damaged at byte 512");
    bad.assign(good.begin(), good.begin() + 512 * 4);
    bad[1024 + 124 + 5] = '7';  // a size of gigabytes
    fix_checksum(bad, 1024);
    REFUSED(list(bad), "x.tar: the tar ends early (a truncated file?): './images/b.png' reaches beyond its end");
    bad = good;
    while (std::all_of(bad.end() - 512, bad.end(), [](uint8_t byte) { return byte == 0; })) bad.resize(bad.size() - 512);
    REFUSED(list(bad), "x.tar: the tar has no end mark (a truncated file?); the last file in it is ");
    bad.resize(bad.size() + 100);
    REFUSED(list(bad), "no end mark");
    bad = good;
    for (size_t i = 0; i < 12; ++i) bad[1024 + 124 + i] = 0xff;  // a negative size in base 256
    fix_checksum(bad, 1024);
    REFUSED(list(bad), "reaches beyond its end");
    bad[1024 + 124] = 0x80;
    REFUSED((fix_checksum(bad, 1024), list(bad)), "reaches beyond its end");
    bad = good;
    bad[1024 + 156] = 'S';
    fix_checksum(bad, 1024);
    REFUSED(list(bad), "sparse files");
    bad = good;
    bad[1024 + 156] = '1';
    fix_checksum(bad, 1024);
    REFUSED(list(bad), "is a link to ''");
}

TEST_CASE("tar: pax records with wrong lengths are refused") {
    const std::vector<uint8_t> good = bytes_of("tests/goldens/tar/pax.tar");
    size_t header = 0;
    while (header < good.size() && good[header + 156] != 'x') header += 512;
    REQUIRE(header < good.size());
    for (const char* record :
         {"999 path=a\n", "3 path=a\n", "x path=a\n", "99999999999999999999 path=a\n", "11 path", " 5 a=b\n", "14 size=12x456\n"}) {
        std::vector<uint8_t> bad = good;
        const size_t length = std::string(record).size();
        std::copy_n(record, length, bad.begin() + static_cast<std::ptrdiff_t>(header) + 512);
        char size[12];
        std::snprintf(size, sizeof size, "%011o", static_cast<unsigned>(length));
        std::copy_n(size, 12, bad.begin() + static_cast<std::ptrdiff_t>(header) + 124);
        fix_checksum(bad, header);
        CAPTURE(record);
        REFUSED(list(bad), "x.tar: the tar has a damaged pax header");
    }
}

TEST_CASE("tar: mutated archives give an error or a list, nothing else") {
    const RandomStream random(11, "tar");
    for (const char* form : {"ustar", "gnu", "pax"}) {
        const std::vector<uint8_t> good = bytes_of((std::string("tests/goldens/tar/") + form + ".tar").c_str());
        for (uint64_t trial = 0; trial < 400; ++trial) {
            RandomDraws draws(random, trial, 0);
            std::vector<uint8_t> bad = good;
            const size_t header = 512 * static_cast<size_t>(draws.below(static_cast<int64_t>(good.size() / 512)));
            for (int64_t k = draws.integer(1, 4); k > 0; --k)
                bad[header + static_cast<size_t>(draws.below(512))] = static_cast<uint8_t>(draws.word());
            if (draws.chance(0.8f)) fix_checksum(bad, header);
            if (draws.chance(0.2f)) bad.resize(static_cast<size_t>(draws.below(static_cast<int64_t>(bad.size()))));
            try {
                for (const NamedFile& file : list(bad))
                    if (!file.name.empty()) CHECK(file.file.present());
            } catch (const Error& error) {
                CHECK(std::string(error.what()).starts_with("x.tar: "));
            }
        }
    }
}

TEST_CASE("tar: DUTS-TR is found in its eight archives") {
    const auto folder = test::shared_path("data/duts-tr");
    if (!folder) {
        MESSAGE("skipped: DUTS-TR is not at hand");
        return;
    }
    const DataSet data = open_data(folder->string());
    CHECK(data.size() == 10553);
    CHECK(data.describe().find("00.tar: 1320 pairs (images/ + masks/)") != std::string::npos);
    for (size_t i = 0; i < data.size(); i += 997) {
        const Image image = data.read_image(i), mask = data.read_mask(i);
        CHECK(image.width == mask.width);
        CHECK(std::max(image.width, image.height) == 288);
    }
}

}  // namespace purnet
