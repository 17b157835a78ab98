// safetensors: named arrays in one file, nothing executable.
//
//     u64 little endian   length of the header, below 100 MB
//     header              JSON {"name": {"dtype": "F32", "shape": [O,I,kH,kW], "data_offsets": [begin, end]}, …,
//                         "__metadata__": {"text": "text"}}, padded with blanks; offsets count from the end of the header
//     data                little endian, C order, without holes and overlaps
// Source: the format section of the README of github.com/huggingface/safetensors.
//
// Every number is hostile. Refused, each with its reason: a header longer than the file or the limit, JSON that is no JSON,
// that nests or has unknown, missing or double keys, unknown element types (F8 and the like), shapes that overflow or do not
// fit their bytes, overlapping arrays, holes, bytes after the last array. The header is walked as a stream, so nesting costs
// nothing, and no allocation exceeds what lies in the file.
#pragma once

#include <filesystem>

#include "core/formats/array.h"
#include "core/formats/byte_source.h"

namespace purnet {

struct SafetensorsHeader {
    struct Entry {
        std::string name;
        FileDType dtype = FileDType::f32;
        std::vector<int64_t> shape;
        uint64_t begin = 0, end = 0;  // from data_start
    };
    std::vector<Entry> entries;  // in the order of the header
    std::map<std::string, std::string> metadata;
    uint64_t data_start = 0;
};

// The validated header alone: names, types and shapes without reading the data.
SafetensorsHeader read_safetensors_header(const ByteSource& source);

NamedArrays read_safetensors(const std::filesystem::path& path);
NamedArrays decode_safetensors(const ByteSource& source);

// What is to be written, wherever it lies.
struct NamedView {
    std::string name;
    FileDType dtype = FileDType::f32;
    std::vector<int64_t> shape;
    const void* data = nullptr;
};

// The header keeps the order given; the data lie by falling element size, so that each is aligned to its own.
void write_safetensors(const std::filesystem::path& path, const NamedArrays& arrays);
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedView>& arrays,
                       const std::map<std::string, std::string>& metadata);
std::vector<uint8_t> encode_safetensors(const NamedArrays& arrays);

}  // namespace purnet
