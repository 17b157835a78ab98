// log.jsonl and TensorBoard's event files.
#include <doctest/doctest.h>

#include <bit>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/run/append_file.h"
#include "apps/run/crc32c.h"
#include "apps/run/event_file.h"
#include "apps/run/json_log.h"
#include "core/formats/atomic_file.h"
#include "data/image/decode.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"
#include "tests/support/refused.h"

namespace purnet {
namespace {

using test::contains;
using test::TemporaryFolder;
using test::text_of_file;

uint64_t little(const std::string& text, size_t at, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; ++i) value |= uint64_t{static_cast<uint8_t>(text.at(at + static_cast<size_t>(i)))} << (8 * i);
    return value;
}

uint32_t unmasked(uint64_t masked) {
    const uint32_t rotated = static_cast<uint32_t>(masked) - 0xa282ead8u;
    return (rotated << 15) | (rotated >> 17);
}

uint32_t crc(const std::string& text) { return crc32c({reinterpret_cast<const uint8_t*>(text.data()), text.size()}); }

std::vector<std::string> records_of(const std::string& file) {
    std::vector<std::string> records;
    for (size_t at = 0; at < file.size();) {
        const uint64_t length = little(file, at, 8);
        REQUIRE(unmasked(little(file, at + 8, 4)) == crc(file.substr(at, 8)));
        const std::string payload = file.substr(at + 12, length);
        REQUIRE(payload.size() == length);
        REQUIRE(unmasked(little(file, at + 12 + length, 4)) == crc(payload));
        records.push_back(payload);
        at += 16 + length;
    }
    return records;
}

// Field number -> values; numbers as their eight bytes' value, the rest as text.
struct Field {
    uint64_t value = 0;
    std::string text;
};
std::multimap<uint64_t, Field> fields_of(const std::string& message) {
    std::multimap<uint64_t, Field> fields;
    size_t at = 0;
    const auto varint = [&] {
        uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            const uint8_t byte = static_cast<uint8_t>(message.at(at++));
            value |= uint64_t{byte & 127u} << shift;
            if (byte < 128) return value;
        }
    };
    while (at < message.size()) {
        const uint64_t key = varint();
        Field field;
        switch (key & 7) {
            case 0: field.value = varint(); break;
            case 1: field.value = little(message, at, 8), at += 8; break;
            case 5: field.value = little(message, at, 4), at += 4; break;
            case 2: {
                const uint64_t size = varint();
                field.text = message.substr(at, size);
                REQUIRE(field.text.size() == size);
                at += size;
                break;
            }
            default: FAIL("wire type ", key & 7);
        }
        fields.emplace(key >> 3, field);
    }
    return fields;
}

const Field& only(const std::multimap<uint64_t, Field>& fields, uint64_t number) {
    REQUIRE(fields.count(number) == 1);
    return fields.find(number)->second;
}

}  // namespace

TEST_CASE("crc32c: the vectors of RFC 3720") {
    std::vector<uint8_t> bytes(32, 0);
    CHECK(crc32c(bytes) == 0x8a9136aau);
    std::fill(bytes.begin(), bytes.end(), uint8_t{0xff});
    CHECK(crc32c(bytes) == 0x62a8ab43u);
    std::iota(bytes.begin(), bytes.end(), uint8_t{0});
    CHECK(crc32c(bytes) == 0x46dd794eu);
    std::reverse(bytes.begin(), bytes.end());
    CHECK(crc32c(bytes) == 0x113fdb5cu);
    CHECK(crc("123456789") == 0xe3069283u);
    CHECK(crc("") == 0);
}

TEST_CASE("event file: records, sums and fields as TensorBoard reads them") {
    const TemporaryFolder folder;
    const Image picture = test::pattern(7, 5, 3);
    std::filesystem::path path;
    {
        EventFile events(folder / "run/tb", 40);
        events.scalar("train/loss", 41, 0.25);
        events.scalars(1LL << 40, {{"val/MAE", -1.5}, {"val/maxFm", 0.9}});
        events.image("val/panel", 42, picture);
        path = events.path();
    }
    CHECK(path.filename().string().starts_with("events.out.tfevents."));
    const std::vector<std::string> records = records_of(text_of_file(path));
    REQUIRE(records.size() == 5);
    CHECK(only(fields_of(records[0]), 3).text == "brain.Event:2");
    const double time = std::bit_cast<double>(only(fields_of(records[0]), 1).value);
    const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    CHECK(std::abs(time - now) < 60);

    CHECK(only(fields_of(records[1]), 2).value == 40);
    CHECK(only(fields_of(only(fields_of(records[1]), 7).text), 1).value == 1);

    CHECK(only(fields_of(records[2]), 2).value == 41);
    const auto scalar = fields_of(only(fields_of(only(fields_of(records[2]), 5).text), 1).text);
    CHECK(only(scalar, 1).text == "train/loss");
    CHECK(std::bit_cast<float>(static_cast<uint32_t>(only(scalar, 2).value)) == 0.25f);

    CHECK(only(fields_of(records[3]), 2).value == uint64_t{1} << 40);
    CHECK(fields_of(only(fields_of(records[3]), 5).text).count(1) == 2);

    const auto value = fields_of(only(fields_of(only(fields_of(records[4]), 5).text), 1).text);
    CHECK(only(value, 1).text == "val/panel");
    const auto image = fields_of(only(value, 4).text);
    CHECK(only(image, 1).value == 5);
    CHECK(only(image, 2).value == 7);
    CHECK(only(image, 3).value == 3);
    const std::string& png = only(image, 4).text;
    CHECK(decode_rgb({reinterpret_cast<const uint8_t*>(png.data()), png.size()}, "png") == picture);

    EventFile second(folder / "run/tb");
    CHECK(second.path() != path);
    atomic_write(folder / "file", std::string_view("x"));
    REFUSED(EventFile(folder / "file"), "cannot be made");
}

TEST_CASE("json log: first record, later ones, and NaN as null") {
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "log.jsonl";
    {
        JsonLog log(path, {{"command", {"purnet", "train"}}, {"seed", 7}});
        log.write("train", {{"step", 1}, {"loss", 0.5}});
        log.write("train", {{"step", 2}, {"loss", std::nan("")}});
        log.write("event", {{"text", "a \xff byte that is no UTF-8"}});
    }
    const std::vector<Json> records = read_json_log(path);
    REQUIRE(records.size() == 4);
    CHECK(records[0]["type"] == "run");
    CHECK(records[0]["schema"] == "purnet-log");
    CHECK(records[0]["version"] == 1);
    CHECK(records[0]["seed"] == 7);
    CHECK(records[0].contains("program"));
    CHECK(records[0].contains("processor"));
    CHECK(records[1]["loss"] == 0.5);
    CHECK(records[1]["time"].get<double>() > 1.6e9);
    CHECK(records[2]["loss"].is_null());
    REFUSED(JsonLog(folder / "none/log.jsonl", {}), "log.jsonl");
}

TEST_CASE("json log: a resumed run drops what it will write again and what a kill cut off") {
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "log.jsonl";
    {
        JsonLog log(path, {{"seed", 7}});
        for (int step = 10; step <= 40; step += 10) log.write("train", {{"step", step}});
        log.write("event", {{"text", "no step"}});
    }
    const std::string whole = text_of_file(path);
    atomic_write(path, whole + "{\"type\":\"train\",\"st");
    CHECK(read_json_log(path).size() == 6);
    {
        JsonLog log(path, {{"seed", 7}}, 20);
        log.write("train", {{"step", 30}});
    }
    const std::vector<Json> records = read_json_log(path);
    REQUIRE(records.size() == 6);
    CHECK(records[2]["step"] == 20);
    CHECK(records[3]["type"] == "event");
    CHECK(records[4]["type"] == "resume");
    CHECK(records[4]["step"] == 20);
    CHECK(records[5]["step"] == 30);
    JsonLog fresh(folder / "other.jsonl", {{"seed", 1}}, 20);
    CHECK(read_json_log(folder / "other.jsonl").size() == 1);
}

TEST_CASE("json log: what a power cut left does not stop a resumed run") {
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "log.jsonl";
    for (const std::string& damage : {std::string(), std::string("\0\0\0\n", 4), std::string("{\"type\":\"train\",\"step\":1}\n")}) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << damage;
        { JsonLog log(path, {{"command", "x"}}, 5); }
        const std::vector<Json> records = read_json_log(path);
        REQUIRE(records.size() == 2);
        CHECK(records[1]["type"] == "resume");
    }
    {
        JsonLog log(path, {});
        log.write("train", {{"step", 1}});
    }
    std::ofstream(path, std::ios::binary | std::ios::app) << std::string("\0\0\n{\"type\":\"train\",\"step\":2}\n", 30);
    { JsonLog log(path, {}, 5); }
    CHECK(read_json_log(path).size() == 4);
}

TEST_CASE("json log: what is no log is refused") {
    const TemporaryFolder folder;
    const auto refused = [&](const std::string& text, const char* part) {
        atomic_write(folder / "x", text);
        REFUSED(read_json_log(folder / "x"), part);
    };
    refused("", "no log of a training run");
    refused("hello\n", "line 1: this is no record");
    refused("[1,2]\n", "line 1: this is no record");
    refused("{\"type\":3}\n", "line 1: this is no record");
    refused("{\"type\":\"run\"}\n", "no log of a training run");
    refused("{\"type\":\"run\",\"schema\":\"purnet-log\",\"version\":2}\n", "schema version 2");
    refused("{\"type\":\"run\",\"schema\":\"purnet-log\",\"version\":\"1\"}\n", "schema version \"1\"");
    refused("{\"type\":\"run\",\"schema\":\"purnet-log\",\"version\":1}\n{\n", "line 2");
    REFUSED(read_json_log(folder / "none"), "cannot be read");
}

TEST_CASE("append file: records go out after a while, on flush and at the end; a full disk loses none of the file's") {
    const TemporaryFolder folder;
    const std::filesystem::path path = folder / "f";
    {
        AppendFile file(path, 1000);
        file.append("one\n");
        CHECK(text_of_file(path) == "");
        CHECK(file.flush());
        CHECK(text_of_file(path) == "one\n");
        file.append("two\n");
    }
    CHECK(text_of_file(path) == "one\ntwo\n");
    AppendFile quick(path, 0);
    quick.append("three\n");
    CHECK(text_of_file(path) == "one\ntwo\nthree\n");
    REFUSED(AppendFile(folder / "no/f"), "cannot be written");
}

}  // namespace purnet
