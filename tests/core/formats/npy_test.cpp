#include "core/formats/npy.h"

#include <doctest/doctest.h>

#include <cmath>

#include "core/formats/atomic_file.h"
#include "tests/support/refused.h"
#include "tests/support/shared.h"
#include "tests/support/temporary_folder.h"

using namespace purnet;

namespace {

// A file with any header text, version and data.
std::vector<uint8_t> npy(const std::string& header, const std::vector<uint8_t>& data, int version = 1) {
    std::vector<uint8_t> out{0x93, 'N', 'U', 'M', 'P', 'Y', static_cast<uint8_t>(version), 0};
    for (int i = 0; i < (version == 1 ? 2 : 4); ++i) out.push_back(static_cast<uint8_t>(header.size() >> (8 * i)));
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

Array decode(const std::vector<uint8_t>& bytes) { return decode_npy(ByteSource(bytes, "test.npy")); }
Array decode(const std::string& header, const std::vector<uint8_t>& data, int version = 1) { return decode(npy(header, data, version)); }

}  // namespace

TEST_CASE("npy: every type goes out and comes back") {
    for (const FileDType type : {FileDType::f64, FileDType::f32, FileDType::f16, FileDType::i64, FileDType::i32, FileDType::i16,
                                 FileDType::i8, FileDType::u64, FileDType::u32, FileDType::u16, FileDType::u8, FileDType::boolean}) {
        for (const std::vector<int64_t>& shape : {std::vector<int64_t>{}, {1}, {7}, {0}, {3, 5}, {2, 0, 4}, {2, 3, 1, 5}}) {
            Array array(type, shape);
            for (size_t i = 0; i < array.bytes.size(); ++i) array.bytes[i] = static_cast<uint8_t>(i * 37 + 1);
            const auto bytes = encode_npy(array);
            CHECK((bytes.size() - array.bytes.size()) % 64 == 0);
            const Array back = decode(bytes);
            CHECK(back.dtype == type);
            CHECK(back.shape == shape);
            CHECK(back.bytes == array.bytes);
        }
    }
    REFUSED(encode_npy(Array(FileDType::bf16, {1})), "convert it to float32 first");
}

TEST_CASE("npy: a file on disk") {
    test::TemporaryFolder folder;
    write_npy(folder / "a.npy", make_array<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
    CHECK(to_float32(read_npy(folder / "a.npy")) == std::vector<float>{1, 2, 3, 4, 5, 6});
    REFUSED(read_npy(folder / "absent.npy"), "absent.npy: can't be opened");
    REFUSED(read_npy(folder.path()), "is a folder");
    REFUSED(read_npy("/dev/null"), "is not a regular file");
}

TEST_CASE("npy: headers as other writers make them") {
    const std::vector<uint8_t> two{1, 0, 2, 0};
    // Python 2, key order, quotes, no trailing comma, versions 2 and 3
    CHECK(decode("{'shape': (2L,), 'fortran_order': False, 'descr': '<i2'}\n", two).as<int16_t>()[1] == 2);
    CHECK(decode("{\"descr\": \"<i2\", 'fortran_order': False, 'shape': (2,)}", two).as<int16_t>()[1] == 2);
    CHECK(decode("{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }  \n", two, 2).as<int16_t>()[1] == 2);
    CHECK(decode("{'descr': '<i2', 'fortran_order': False, 'shape': (1, 2), }  \n", two, 3).shape == std::vector<int64_t>{1, 2});
    CHECK(decode("{'descr': '=i2', 'fortran_order': False, 'shape': (2,), }", two).as<int16_t>()[0] == 1);
}

TEST_CASE("npy: big endian and Fortran order become little endian and C order") {
    CHECK(decode("{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", {0, 1, 1, 2}).as<int16_t>()[1] == 258);
    CHECK(decode("{'descr': '>f4', 'fortran_order': False, 'shape': (), }", {0x3f, 0x80, 0, 0}).as<float>()[0] == 1.f);
    const Array matrix = decode("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", {1, 4, 2, 5, 3, 6});
    CHECK(matrix.bytes == std::vector<uint8_t>{1, 2, 3, 4, 5, 6});
    // value = 100 i + 10 j + k at [i][j][k] of 2 x 3 x 4, stored first index fastest
    std::vector<uint8_t> stored;
    for (int k = 0; k < 4; ++k)
        for (int j = 0; j < 3; ++j)
            for (int i = 0; i < 2; ++i) {
                stored.push_back(0);
                stored.push_back(static_cast<uint8_t>(100 * i + 10 * j + k));
            }
    const Array cube = decode("{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3, 4), }", stored);
    for (int i = 0; i < 2; ++i)
        for (int j = 0; j < 3; ++j)
            for (int k = 0; k < 4; ++k) CHECK(cube.as<uint16_t>()[static_cast<size_t>((i * 3 + j) * 4 + k)] == 100 * i + 10 * j + k);
}

TEST_CASE("npy: hostile files are refused with their reason") {
    const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    REFUSED(decode(std::vector<uint8_t>{}), "is no .npy file: only 0 bytes long");
    const std::string text = "this is only text, long enough to be looked at";
    REFUSED(decode(std::vector<uint8_t>(text.begin(), text.end())), "does not start with");
    REFUSED(decode(good, {0, 0, 0, 0}), "float32 2 needs 8 bytes, but 4 follow the header");
    REFUSED(decode(good, std::vector<uint8_t>(9)), "needs 8 bytes, but 9 follow");
    REFUSED(decode(npy(good, std::vector<uint8_t>(8), 4)), "version 4.0 of .npy is not known");

    auto truncated = npy(good, {});
    truncated.resize(30);
    REFUSED(decode(truncated), "truncated or damaged");
    auto gigantic = npy(good, std::vector<uint8_t>(8), 2);
    gigantic[10] = gigantic[11] = 0xff;
    REFUSED(decode(gigantic), "its header would be 4294901817 bytes long");

    REFUSED(decode("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", {}), "more than 2^62 bytes");
    REFUSED(decode("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }", {}), "needs 4000000000000 bytes, but 0");
    REFUSED(decode("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", {}), "no number from 0");
    REFUSED(decode("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", {}), "no number from 0");
    std::string ones = "(";
    for (int i = 0; i < 40; ++i) ones += "1,";
    REFUSED(decode("{'descr': '<f4', 'fortran_order': False, 'shape': " + ones + "), }", {0, 0, 0, 0}), "more than 32 dimensions");

    REFUSED(decode("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", std::vector<uint8_t>(8)), "holds Python objects");
    REFUSED(decode("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", {0, 0, 0, 0}), "structured array");
    REFUSED(decode("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", std::vector<uint8_t>(8)), "'<c8' is not supported");
    REFUSED(decode("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", {0, 0, 0, 0}), "names a key twice");
    REFUSED(decode("{'descr': '<f4', 'shape': (1,), }", {0, 0, 0, 0}), "lacks one of");
    REFUSED(decode("{'descr': '<f4', 'fortran_order': 1, 'shape': (1,), }", {0, 0, 0, 0}), "True or False expected");
    REFUSED(decode("{'descr': '<f4', 'other': False, 'shape': (1,), }", {0, 0, 0, 0}), "unknown key 'other'");
    REFUSED(decode("{'descr': '<f4", {}), "text without an end");
    REFUSED(decode(good + "{", std::vector<uint8_t>(8)), "goes on after the closing brace");
}

TEST_CASE("npy: the stored results of the networks are read") {
    const auto path = test::shared_path("golden/purnet/infer_320/z1.npy");
    const auto photograph = test::shared_path("golden/purnet/infer_320/input_rgb_u8.npy");
    if (!path || !photograph) {
        MESSAGE("skipped: the shared goldens are not here");
        return;
    }
    const Array logits = read_npy(*path);
    CHECK(logits.dtype == FileDType::f32);
    CHECK(logits.shape == std::vector<int64_t>{1, 320, 320});
    CHECK(first_non_finite(logits) == -1);
    CHECK(read_npy(*photograph).shape == std::vector<int64_t>{1, 320, 320, 3});
}
