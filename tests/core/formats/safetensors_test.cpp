#include "core/formats/safetensors.h"

#include <doctest/doctest.h>

#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

using namespace purnet;

namespace {

std::vector<uint8_t> file(const std::string& header, size_t data, uint64_t declared = ~uint64_t{0}) {
    const uint64_t length = declared == ~uint64_t{0} ? header.size() : declared;
    std::vector<uint8_t> out;
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<uint8_t>(length >> (8 * i)));
    out.insert(out.end(), header.begin(), header.end());
    for (size_t i = 0; i < data; ++i) out.push_back(static_cast<uint8_t>(i));
    return out;
}

NamedArrays decode(const std::vector<uint8_t>& bytes) { return decode_safetensors(ByteSource(bytes, "test.safetensors")); }
NamedArrays decode(const std::string& header, size_t data) { return decode(file(header, data)); }

NamedArrays sample() {
    NamedArrays out;
    out.metadata = {{"format", "pt"}, {"note", "quotes \" and \\ and \n and ü"}};
    out.add("half", convert(make_array<float>({3}, {1, 2, 3}), FileDType::f16));
    out.add("layer1.0.conv1.weight", make_array<float>({2, 1, 1, 3}, {1, 2, 3, 4, 5, 6}));
    out.add("num_batches_tracked", make_array<int64_t>({}, {7}));
    out.add("empty", Array(FileDType::f64, {0, 4}));
    out.add("flag", make_array<uint8_t>({5}, {1, 2, 3, 4, 5}));
    return out;
}

void check_equal(const NamedArrays& a, const NamedArrays& b) {
    REQUIRE(a.size() == b.size());
    CHECK(a.metadata == b.metadata);
    for (size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].name == b[i].name);
        CHECK(a[i].array.dtype == b[i].array.dtype);
        CHECK(a[i].array.shape == b[i].array.shape);
        CHECK(a[i].array.bytes == b[i].array.bytes);
    }
}

}  // namespace

TEST_CASE("safetensors: what goes out comes back, in order, with its notes") {
    const NamedArrays arrays = sample();
    const auto bytes = encode_safetensors(arrays);
    check_equal(decode(bytes), arrays);
    test::TemporaryFolder folder;
    write_safetensors(folder / "a.safetensors", arrays);
    check_equal(read_safetensors(folder / "a.safetensors"), arrays);
    check_equal(decode(encode_safetensors(NamedArrays())), NamedArrays());
}

TEST_CASE("safetensors: every array lies aligned to its element") {
    const auto bytes = encode_safetensors(sample());
    const auto header = read_safetensors_header(ByteSource(bytes, "test"));
    CHECK(header.data_start % 8 == 0);
    for (const auto& entry : header.entries) CHECK((header.data_start + entry.begin) % size_of(entry.dtype) == 0);
}

TEST_CASE("safetensors: every element type") {
    NamedArrays arrays;
    for (const FileDType type :
         {FileDType::f64, FileDType::f32, FileDType::f16, FileDType::bf16, FileDType::i64, FileDType::i32, FileDType::i16, FileDType::i8,
          FileDType::u64, FileDType::u32, FileDType::u16, FileDType::u8, FileDType::boolean})
        arrays.add(std::string(name_of(type)), Array(type, {3}));
    check_equal(decode(encode_safetensors(arrays)), arrays);
}

TEST_CASE("safetensors: a file written elsewhere") {
    const auto arrays = decode(R"({"__metadata__":{"format":"pt"},"b":{"shape":[2],"data_offsets":[4,8],"dtype":"I16"},)"
                               R"("a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}   )",
                               8);
    CHECK(arrays[0].name == "b");
    CHECK(arrays.at("b").as<int16_t>()[0] == 0x0504);
    CHECK(arrays.at("a").shape == std::vector<int64_t>{1, 2});
    CHECK(arrays.metadata.at("format") == "pt");
}

TEST_CASE("safetensors: lengths that do not hold are refused") {
    const std::string one = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    CHECK(decode(one, 8).size() == 1);
    REFUSED(decode(std::vector<uint8_t>{}), "only 0 bytes long");
    REFUSED(decode(file(one, 8, uint64_t{1} << 40)), "more than the format's limit");
    REFUSED(decode(file(one, 8, ~uint64_t{0} - 7)), "more than the format's limit");
    REFUSED(decode(file(one, 8, 99'999'999)), "its header would be 99999999 bytes long, but the file has");
    REFUSED(decode(one, 7), "of which there are only 7: the file is truncated");
    REFUSED(decode(one, 9), "1 bytes follow the last array");
    auto cut = file(one, 8);
    cut.resize(40);
    REFUSED(decode(cut), "truncated or damaged");
    REFUSED(decode(file("text, not a header, and so on", 0)), "does not start with '{'");
}

TEST_CASE("safetensors: overlaps, holes and overflow are refused") {
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12),
            "'b' overlaps the array before it");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8),
            "overlaps the array before it");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12), "a hole of 4 bytes before 'a'");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8), "run backwards");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8),
            "needs 12 bytes for its shape, but its data offsets span 8");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0), "more than 2^62 bytes");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[0,9223372036854775807,2],"data_offsets":[0,0]}})", 0), "more than 2^62 bytes");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8]}})", 8), "no integer below 2^63");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999999]}})", 8), "no integer below 2^63");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8), "negative number -2");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[2.5],"data_offsets":[0,8]}})", 8), "no integer");
    REFUSED(decode(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,9223372036854775807]}})", 1), "truncated or damaged");
}

TEST_CASE("safetensors: headers of the wrong form are refused") {
    const std::string a = R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]})";
    REFUSED(decode("{" + a + "," + a + "}", 4), "the name 'a' stands there twice");
    REFUSED(decode(R"({"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4), "the key dtype twice");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[]}})", 0), "not all of");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}})", 4), "the unknown key 'x'");
    REFUSED(decode(R"({"a":{"dtype":"F8_E4M3","shape":[],"data_offsets":[0,1]}})", 1), "'F8_E4M3', which is not supported");
    REFUSED(decode(R"({"a":{"dtype":5,"shape":[],"data_offsets":[0,1]}})", 1), "a number where it does not belong");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4), "an array where it does not belong");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0]}})", 4), "fewer than two offsets");
    REFUSED(decode(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4,4]}})", 4), "more than two offsets");
    REFUSED(decode(R"({"a":null})", 0), "null where it does not belong");
    REFUSED(decode(R"({"__metadata__":{"a":1}})", 0), "where only text may stand");
    REFUSED(decode(R"({"__metadata__":{"a":{"b":"c"}}})", 0), "an object where only text may stand");
    REFUSED(decode(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "has the key 'a' twice");
    REFUSED(decode(R"({"a":)", 0), "no valid JSON");
    REFUSED(decode(R"({} x)", 0), "no valid JSON");
    REFUSED(decode("{\"\xff\":1}", 0), "no valid JSON");
    std::string notes = R"({"__metadata__":{"first":"")";
    for (int i = 0; i < 10'000; ++i) notes += ",\"" + std::to_string(i) + "\":\"\"";
    REFUSED(decode(notes + "}}", 0), "more than 10000 entries");
    std::string dimensions = "1";
    for (int i = 0; i < 40; ++i) dimensions += ",1";
    REFUSED(decode(R"({"a":{"dtype":"U8","shape":[)" + dimensions + R"(],"data_offsets":[0,1]}})", 1), "more than 32 dimensions");
}

TEST_CASE("safetensors: deep nesting costs nothing") {
    REFUSED(decode(R"({"a":)" + std::string(5'000'000, '['), 0), "an array where it does not belong");
    std::string objects;
    for (int i = 0; i < 1'000'000; ++i) objects += R"({"dtype":)";
    REFUSED(decode(objects, 0), "an object where it does not belong");
}

TEST_CASE("safetensors: hostile names do not reach the terminal") {
    const std::string message = test::message_of(
        [] { decode(R"({"\u001b[2Jx)" + std::string(500, 'y') + R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,1]}})", 1); });
    CHECK(message.find('\x1b') == std::string::npos);
    CHECK(message.find("'?[2Jxyyy") != std::string::npos);
    CHECK(message.size() < 400);
}

TEST_CASE("safetensors: what can't be written is refused before the file is touched") {
    test::TemporaryFolder folder;
    NamedArrays arrays;
    arrays.add("bad\xff", make_array<float>({1}, {1.f}));
    REFUSED(write_safetensors(folder / "a", arrays), "no valid UTF-8");
    NamedArrays reserved;
    reserved.add("__metadata__", make_array<float>({1}, {1.f}));
    REFUSED(write_safetensors(folder / "a", reserved), "the format's own key");
    NamedArrays broken;
    broken.add("a", make_array<float>({1}, {1.f})).bytes.resize(3);
    REFUSED(write_safetensors(folder / "a", broken), "holds 3 bytes");
    CHECK(!std::filesystem::exists(folder / "a"));
}
