// MAT-files: those that SciPy wrote (tests/goldens/mat), and ones made here by bytes.
#include "core/formats/mat.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <string>

#include "tests/support/goldens.h"
#include "tests/support/refused.h"

namespace purnet {
namespace {

// Builds files of either byte order.
struct Maker {
    bool big = false;
    std::string file = std::string(124, ' ');

    explicit Maker(bool big_endian = false) : big(big_endian) { file += big ? std::string("\x01\x00MI", 4) : std::string("\x00\x01IM", 4); }

    std::string word(uint64_t value, size_t size = 4) const {
        std::string bytes;
        for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> 8 * (big ? size - 1 - i : i));
        return bytes;
    }
    std::string element(uint32_t type, std::string data) const {
        const std::string tag = word(type) + word(data.size());
        data.resize((data.size() + 7) / 8 * 8);
        return tag + data;
    }
    std::string matrix(const std::string& name, uint32_t flags, const std::vector<int32_t>& shape, const std::string& values) const {
        std::string sizes;
        for (const int32_t size : shape) sizes += word(static_cast<uint32_t>(size));
        return element(14, element(6, word(flags) + word(0)) + element(5, sizes) + element(1, name) + values);
    }
    // 2 x 3: 1 2 3 / 4 5 6 as uint16 of a double matrix
    std::string small(const std::string& name) const {
        std::string values;
        for (const uint32_t v : {1u, 4u, 2u, 5u, 3u, 6u}) values += word(v, 2);
        return matrix(name, 6, {2, 3}, element(4, values));
    }
    std::string packed(const std::string& element_bytes) const {
        std::string bytes(compressBound(element_bytes.size()), '\0');
        uLongf size = bytes.size();
        REQUIRE(compress(reinterpret_cast<Bytef*>(bytes.data()), &size, reinterpret_cast<const Bytef*>(element_bytes.data()),
                         element_bytes.size()) == Z_OK);
        bytes.resize(size);
        return word(15) + word(size) + bytes;
    }
};

Array decoded(const std::string& file, std::string_view name = "sp", int64_t most = 1'000'000) {
    return decode_mat(ByteSource({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, "a.mat"), name, most);
}

const std::vector<int32_t> one_to_six{1, 2, 3, 4, 5, 6};

}  // namespace

TEST_CASE("mat: matrices as SciPy writes them, plain and compressed") {
    // 5 x 7, value 10 row + column (+ 300 in "plain", so that two bytes are needed)
    struct Sample {
        std::string name;
        int add;
        FileDType type;
    };
    for (const Sample& sample : {Sample{"plain", 300, FileDType::u16},
                                 {"packed", 0, FileDType::i32},
                                 {"double", 0, FileDType::f64},
                                 {"several", 0, FileDType::u8}}) {
        CAPTURE(sample.name);
        const Array array = decode_mat(ByteSource(test::golden_path("mat/" + sample.name + ".mat")), "sp");
        CHECK(array.dtype == sample.type);
        REQUIRE(array.shape == std::vector<int64_t>{5, 7});
        const std::vector<int32_t> values = to_int32(array);
        for (int32_t row = 0; row < 5; ++row)
            for (int32_t column = 0; column < 7; ++column)
                CHECK(values[static_cast<size_t>(row * 7 + column)] == 10 * row + column + sample.add);
    }
}

TEST_CASE("mat: both byte orders, values stored smaller than their class, short elements, the asked name among several") {
    for (const bool big : {false, true}) {
        const Maker make(big);
        for (const std::string& body : {make.small("x"), make.packed(make.small("x")), make.small("a") + make.small("sp"),
                                        make.packed(make.small("a")) + make.packed(make.small("sp")),
                                        make.matrix("text", 4, {1, 2}, make.element(16, "ab")) + make.small("labels")}) {
            const Array array = decoded(make.file + body);
            CHECK(array.dtype == FileDType::u16);
            CHECK(array.shape == std::vector<int64_t>{2, 3});
            CHECK(to_int32(array) == one_to_six);
        }
        // Name and values inside their tags.
        const std::string tag = make.word(2 << 16 | 1) + std::string("sp\0\0", 4),
                          values = make.word(3 << 16 | 2) + std::string("\7\x8\x9\0", 4);
        const std::string inside =
            make.element(6, make.word(9) + make.word(0)) + make.element(5, make.word(3) + make.word(1)) + tag + values;
        CHECK(to_int32(decoded(make.file + make.element(14, inside))) == std::vector<int32_t>{7, 8, 9});
    }
}

TEST_CASE("mat: what can't be read is refused in words") {
    const Maker make;
    const std::string values = make.element(2, std::string(6, '\1')), good = make.small("sp");
    REFUSED(decoded("MATLAB 7.3 MAT-file, Platform: GLNXA64"), "version 7.3, which is HDF5");
    REFUSED(decoded("\x89HDF\r\n\x1a\n and so on"), "version 7.3, which is HDF5");
    REFUSED(decoded("MATLAB 5.0"), "only 10 bytes long");
    REFUSED(decoded(std::string(200, 'x')), "no MAT-file of version 5");
    REFUSED(decoded(std::string(124, ' ') + std::string("\x00\x03IM", 4)), "unknown version 768");
    REFUSED(decoded(make.file), "holds no numeric matrix");
    REFUSED(decoded(make.file + make.matrix("text", 4, {1, 2}, make.element(16, "ab"))), "holds no numeric matrix");
    REFUSED(decoded(make.file + make.small("a") + make.small("b")), "several matrices ('a', 'b') and none is named 'sp'");
    REFUSED(decoded(make.file + make.matrix("sp", 5, {2, 3}, values)), "'sp' is sparse");
    REFUSED(decoded(make.file + make.matrix("sp", 2, {1, 1}, "")), "'sp' is no numeric matrix");
    REFUSED(decoded(make.file + make.matrix("sp", 9, {2, 3, 4}, values)), "'sp' is no numeric matrix");
    REFUSED(decoded(make.file + make.matrix("sp", 9 | 0x800, {2, 3}, values)), "complex");
    REFUSED(decoded(make.file + make.matrix("sp", 9, {0, 3}, values)), "is empty (0 x 3)");
    REFUSED(decoded(make.file + make.matrix("sp", 9, {-2, 3}, values)), "is empty (-2 x 3)");
    REFUSED(decoded(make.file + make.matrix("sp", 9, {2, 4}, values)), "is 2 x 4, but 6 bytes of values follow");
    REFUSED(decoded(make.file + make.matrix("sp", 9, {2000, 3000}, values)), "more than the limit of 1000000 values");
    REFUSED(decoded(make.file + make.matrix("sp", 9, {2, 3}, make.element(8, std::string(6, '\1')))), "unknown type 8");
    REFUSED(decoded(make.file + good.substr(0, good.size() - 9)), "ends early or is damaged at byte 128");
    // Values that claim more than the variable, or the zlib stream, holds: noticed before memory is asked for.
    const auto claims = [&](uint32_t bytes) { return make.matrix("sp", 9, {1000, 1000}, make.word(2) + make.word(bytes) + "12345678"); };
    REFUSED(decoded(make.file + claims(1'000'000)), "reach beyond the end of the file");
    REFUSED(decoded(make.file + make.packed(claims(1'000'000))), "reach beyond the end of the file");
    const std::string packed = make.packed(good);
    for (const size_t cut : {size_t{1}, size_t{10}, packed.size() - 12}) {
        std::string shorter = packed.substr(0, packed.size() - cut);
        shorter.replace(4, 4, make.word(shorter.size() - 8));
        if (cut > 6) REFUSED(decoded(make.file + shorter), "damaged or ends early");
    }
    std::string damaged = packed;
    damaged[12] = static_cast<char>(damaged[12] ^ 0x55);
    REFUSED(decoded(make.file + damaged), "a.mat: ");
    REFUSED(decoded(make.file + make.packed(values)), "is no matrix");
}

}  // namespace purnet
