#include "core/formats/weights_file.h"

#include <doctest/doctest.h>

#include "core/formats/atomic_file.h"
#include "core/formats/npy.h"
#include "core/formats/safetensors.h"
#include "tests/support/pth_sample.h"
#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

using namespace purnet;

TEST_CASE("weights file: the form is told by content, not by name") {
    test::TemporaryFolder folder;
    NamedArrays arrays;
    arrays.add("w", make_array<float>({2}, {1.f, 2.f}));
    const auto bytes = test::bytes_of(std::vector<float>{1, 2});
    const test::SampleTensor tensor{"w", "FloatStorage", "0", 2, 0, {2}, {1}};
    write_safetensors(folder / "a.pth", arrays);
    atomic_write(folder / "b.safetensors", test::zip_pth(test::state_dict_pickle({tensor}, false), {{"0", bytes}}));
    atomic_write(folder / "c.bin", test::legacy_pth(test::state_dict_pickle({tensor}, true), {{"0", bytes}}, {2}));
    for (const char* name : {"a.pth", "b.safetensors", "c.bin"})
        CHECK(to_float32(load_named_arrays(folder / name).at("w")) == std::vector<float>{1, 2});
    CHECK(detect_weights_format(ByteSource(folder / "a.pth")) == WeightsFormat::safetensors);
    CHECK(detect_weights_format(ByteSource(folder / "b.safetensors")) == WeightsFormat::pth);
    CHECK(detect_weights_format(ByteSource(folder / "c.bin")) == WeightsFormat::legacy_pth);
}

TEST_CASE("weights file: what is none says what it seems to be") {
    test::TemporaryFolder folder;
    const auto refuse = [&](std::string_view content, const std::string& part) {
        atomic_write(folder / "file", content);
        REFUSED(load_named_arrays(folder / "file"), "file: not a weights file: " + part);
    };
    refuse("", "it is empty");
    refuse("a", "it is text");
    refuse("some text\nof several lines, which somebody saved as weights.safetensors\n", "it is text");
    refuse("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "it is a Git LFS pointer");
    refuse("<!DOCTYPE html><html>", "it is a web page");
    refuse("\x89PNG\r\n\x1a\n", "it is a picture");
    refuse("\x1f\x8b\x08", "it is compressed by gzip");
    refuse(std::string_view("\x80\x02}q\x00.", 6), "it is a pickle, but not one of torch.save");
    refuse(std::string(300, '\0'), "its first bytes are those of no known form");
    std::string tar(600, '\0');
    tar.replace(257, 5, "ustar");
    refuse(tar, "it is a tar archive");
    write_npy(folder / "file", make_array<float>({1}, {1.f}));
    REFUSED(load_named_arrays(folder / "file"), "it is a single NumPy array");
    REFUSED(load_named_arrays(folder / "absent"), "can't be opened");
}

TEST_CASE("weights file: a safetensors file cut anywhere is an error of one sentence") {
    NamedArrays arrays;
    arrays.add("w", make_array<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
    const auto whole = encode_safetensors(arrays);
    for (size_t length = 0; length < whole.size(); ++length) {
        const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
        REQUIRE(test::message_of([&] { decode_named_arrays(ByteSource(part, "cut")); }).starts_with("cut: "));
    }
}
