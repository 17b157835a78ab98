#include "core/formats/zip_reader.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/pth_sample.h"
#include "tests/support/refused.h"

using namespace purnet;
using test::ByteVector;

namespace {

const test::ZipEntries two{{"a/one", {1, 2, 3}}, {"a/two", {4, 5}}};

// Byte positions in zip_file(two): local headers at 0 and 38, data at 35 and 73, directory at 75.
constexpr size_t second_header = 38, directory = 75, second_record = directory + 51, end_record = second_record + 51;

std::string message(const ByteVector& bytes) {
    return test::message_of([&] {
        const ByteSource source(bytes, "test.zip");
        const ZipReader zip(source);
        for (const auto& entry : zip.entries()) zip.read(entry);
    });
}
std::string with(size_t at, std::initializer_list<uint8_t> bytes) {
    ByteVector file = test::zip_file(two);
    std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(at));
    return message(file);
}
#define SAYS(text, part) CHECK_MESSAGE((text).find(part) != std::string::npos, (text))

}  // namespace

TEST_CASE("zip: entries are found and read, plain and zip64, with a comment") {
    for (const bool wide : {false, true}) {
        ByteVector file = test::zip_file(two, wide);
        const ByteSource source(file, "test.zip");
        const ZipReader zip(source);
        REQUIRE(zip.entries().size() == 2);
        CHECK(zip.read(*zip.find("a/two")) == ByteVector{4, 5});
        CHECK(zip.find("a") == nullptr);
    }
    ByteVector file = test::zip_file(two);
    file[file.size() - 2] = 6;
    test::put_text(file, "remark");
    CHECK(ZipReader(ByteSource(file, "x")).entries().size() == 2);
}

TEST_CASE("zip: damaged directories are refused with their reason") {
    REQUIRE(test::zip_file(two).size() == end_record + 22);
    SAYS(message({}), "only 0 bytes long");
    SAYS(message(ByteVector(100, 'x')), "without its end");
    SAYS(with(end_record + 4, {1}), "several disks");
    SAYS(with(end_record + 8, {9}), "several disks");
    SAYS(with(end_record + 8, {9, 0, 9, 0}), "can't hold 9 entries");
    SAYS(with(end_record + 12, {0xff, 0xff, 0xff, 0xff}), "does not end where the end record begins");
    SAYS(with(end_record + 16, {0xff, 0xff, 0xff, 0xff}), "does not end where the end record begins");
    SAYS(with(end_record + 8, {1, 0, 1, 0}), "longer than its entries");
    SAYS(with(directory, {0}), "no signature");
    SAYS(with(directory + 28, {0xff, 0xff}), "a name longer than its room");
    SAYS(with(directory + 30, {4, 0}), "");
    SAYS(with(second_record + 42, {0xf0, 0xff, 0xff, 0x7f}), "bytes outside the file");
    SAYS(with(second_record + 20, {0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0x7f}), "bytes outside the file");
    SAYS(with(second_record + 24, {9}), "two different lengths");
    SAYS(with(second_record + 24, {0xff, 0xff, 0xff, 0xff}), "no zip64 field");
    SAYS(with(second_record + 42, {0, 0, 0, 0}), "overlap");
}

TEST_CASE("zip: entries that contradict themselves are refused") {
    SAYS(with(second_header, {0}), "contradicts the directory");
    SAYS(with(second_header + 30, {'b'}), "another name in its local header");
    SAYS(with(second_header + 28, {0xff}), "lies outside the file");
    SAYS(with(73, {9}), "does not have its checksum");
    SAYS(with(second_record + 10, {8}), "is compressed, which PyTorch never does");
    SAYS(with(second_record + 8, {1}), "is encrypted");
    SAYS(message(test::zip_file({{"a", {1}}, {"a", {2}}})), "two zip entries are named 'a'");
}
