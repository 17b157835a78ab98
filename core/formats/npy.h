// NumPy's .npy: one array a file.
//
//     bytes 0-5   \x93NUMPY          6-7  version (1.0, 2.0, 3.0 are read; 1.0 is written)
//     then        length of the header, little endian, 2 bytes (version 1) or 4, and the header: a Python dict literal
//                 {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } padded with blanks, '\n' at the end
//     then        the elements
// Source: numpy.org, "NEP 1 - A simple file format for NumPy arrays", and the format's page of the NumPy manual.
//
// Read: types b1, i1-i8, u1-u8, f2, f4, f8, either byte order, C or Fortran order; the result is little endian, C order.
// Refused, each with its reason: structured types, Python objects (they would need a pickle), complex numbers, strings, a
// file shorter or longer than its header says. Nothing is allocated before the file's size has been compared.
#pragma once

#include <filesystem>

#include "core/formats/array.h"
#include "core/formats/byte_source.h"

namespace purnet {

Array read_npy(const std::filesystem::path& path);
Array decode_npy(const ByteSource& source);

// Error for bfloat16, which the format does not have: convert() it to float32 first.
void write_npy(const std::filesystem::path& path, const Array& array);
std::vector<uint8_t> encode_npy(const Array& array);

}  // namespace purnet
