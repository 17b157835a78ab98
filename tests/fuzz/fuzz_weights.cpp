// The weights formats and .npy: samples made by bytes, and the checkpoints that PyTorch wrote (tests/goldens/formats).
#include <algorithm>
#include <cmath>

#include "core/formats/npy.h"
#include "core/formats/pth.h"
#include "core/formats/safetensors.h"
#include "core/formats/weights_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/pth_sample.h"

namespace purnet::fuzz {
namespace {

Bytes golden(const std::string& name) {
    const ByteSource source(std::filesystem::path("tests/goldens/formats") / name);
    return source.read(0, source.size());
}

void decode_weights(const Bytes& file) {
    const NamedArrays arrays = decode_named_arrays(ByteSource(file, "fuzz"));
    // What a loader does next must hold as well.
    for (const auto& [name, array] : arrays) {
        if (to_float32(array).size() != static_cast<size_t>(array.count())) throw std::logic_error("sizes differ");
        first_non_finite(array);
    }
}

const std::vector<float> six{0, 1, 2, 3, 4, 5};

NamedArrays some_arrays() {
    NamedArrays arrays;
    arrays.metadata = {{"format", "pt"}, {"note", "ü \" \\"}};
    arrays.add("layer1.weight", make_array<float>({2, 3}, six));
    arrays.add("steps", make_array<int64_t>({}, {7}));
    arrays.add("half", convert(make_array<float>({3, 1, 2}, six), FileDType::f16));
    arrays.add("none", Array(FileDType::u8, {0, 9}));
    return arrays;
}

// Sets a length that stands before a text to where the text's last `end` lies.
void repair_length(Bytes& file, size_t begin, const std::string& end, size_t width) {
    const auto found = std::find_end(file.begin(), file.end(), end.begin(), end.end());
    if (file.size() < begin || found == file.end()) return;
    const auto stop = static_cast<size_t>(found - file.begin()) + end.size();
    if (stop < begin) return;
    for (size_t i = 0; i < width; ++i) file[begin - width + i] = static_cast<uint8_t>(static_cast<uint64_t>(stop - begin) >> (8 * i));
}

// Checksums of all entries right again, in the local headers and in the directory.
void repair_zip(Bytes& file) {
    const auto number = [&](size_t at, size_t width) {
        uint64_t value = 0;
        for (size_t i = 0; i < width; ++i) value |= uint64_t{file[at + i]} << (8 * i);
        return value;
    };
    for (size_t at = 0; at + 46 <= file.size(); ++at) {
        if (number(at, 4) != 0x02014b50) continue;
        const uint64_t size = number(at + 24, 4), header = number(at + 42, 4);
        if (header + 30 > file.size() || number(header, 4) != 0x04034b50) continue;
        const uint64_t begin = header + 30 + number(header + 26, 2) + number(header + 28, 2);
        if (begin > file.size() || size > file.size() - begin) continue;
        const uint64_t crc = ::crc32_z(0, &file[begin], size);
        for (size_t i = 0; i < 4; ++i) file[at + 16 + i] = file[header + 14 + i] = static_cast<uint8_t>(crc >> (8 * i));
    }
}

const FuzzRegistration npy({
    .name = "npy",
    .samples =
        [] {
            std::vector<Bytes> out{encode_npy(make_array<float>({2, 3}, six)), encode_npy(make_array<double>({}, {1.0})),
                                   encode_npy(make_array<uint8_t>({1, 2, 2, 3}, std::vector<uint8_t>(12, 7)))};
            Bytes other = encode_npy(make_array<int16_t>({3, 1, 2}, {1, 2, 3, 4, 5, 6}));
            const std::string from = "'<i2', 'fortran_order': False", to = "'>i2', 'fortran_order': True ";
            std::copy(to.begin(), to.end(), std::search(other.begin(), other.end(), from.begin(), from.end()));
            out.push_back(other);
            return out;
        },
    .decode = [](const Bytes& file) { to_float64(decode_npy(ByteSource(file, "fuzz"))); },
    .repair = [](Bytes& file) { repair_length(file, 10, "\n", 2); },
});

const FuzzRegistration safetensors({
    .name = "safetensors",
    .samples =
        [] {
            NamedArrays one;
            one.add("w", make_array<float>({6}, six));
            return std::vector<Bytes>{encode_safetensors(some_arrays()), encode_safetensors(one), golden("from_python.safetensors")};
        },
    .decode = decode_weights,
    .repair = [](Bytes& file) { repair_length(file, 8, "]}}", 8); },
});

// Two tensors, one of them strided, over one storage, and a parameter of another type.
std::vector<test::SampleTensor> some_tensors() {
    return {{"w", "FloatStorage", "0", 6, 0, {2, 3}, {3, 1}},
            {"v", "FloatStorage", "0", 6, 1, {3, 2}, {1, 2}},
            {"n", "LongStorage", "1", 1, 0, {}, {}}};
}
const test::StorageBytes some_storages{{"0", test::bytes_of(six)}, {"1", Bytes(8, 1)}};

const FuzzRegistration pth({
    .name = "pth",
    .samples =
        [] {
            const auto pickle = test::state_dict_pickle(some_tensors(), false);
            return std::vector<Bytes>{test::zip_pth(pickle, some_storages), test::zip_pth(pickle, some_storages, true), golden("zip.pth"),
                                      golden("nested.pth")};
        },
    .decode = decode_weights,
    .repair = repair_zip,
});

const FuzzRegistration legacy({
    .name = "legacy-pth",
    .samples =
        [] {
            return std::vector<Bytes>{test::legacy_pth(test::state_dict_pickle(some_tensors(), true), some_storages, {6, 1}),
                                      golden("legacy.pth")};
        },
    .decode = decode_weights,
});

// The object's pickle alone, put into a sound zip file after it was mutated: no checksum or length keeps the damage out.
const FuzzRegistration pickle({
    .name = "pickle",
    .samples =
        [] {
            test::PickleWriter nested;
            nested.op('}').op('(').text("epoch").op('K').op(3).text("state_dict");
            put_state_dict(nested, some_tensors(), false);
            nested.text("optimizer").op('}').op('(').text("lr").op('G').raw("12345678").text("groups").op(']').op('(').op('N').op(0x88);
            nested.op('e').op('u').op('u');
            return std::vector<Bytes>{test::state_dict_pickle(some_tensors(), false), nested.stop()};
        },
    .decode = [](const Bytes& file) { decode_weights(test::zip_pth(file, some_storages)); },
});

}  // namespace
}  // namespace purnet::fuzz
