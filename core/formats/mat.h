// MATLAB's MAT-files of version 5 (save -v6, and -v7, which compresses): one numeric matrix of such a file. Source: MathWorks,
// "MAT-File Format", R2006b and later, chapter 1.
//
//     128 bytes    text, version 0x0100, byte order: "IM" little, "MI" big endian
//     elements     type u32, bytes u32, data padded to 8; or both numbers in one u32 with up to 4 bytes of data behind it
//                  miMATRIX (14): flags and class, dimensions, name, values; miCOMPRESSED (15): one such in a zlib stream
// Values may be stored in a smaller type than the class says; they come as they are stored.
//
// Read: real numeric and logical matrices of two dimensions. Every other variable is passed over. Refused, each with its reason: version
// 7.3, which is HDF5; version 4; no such matrix, several of them and none with the asked name; complex and sparse ones; anything that
// reaches beyond the file or beyond its zlib stream. Nothing is allocated that the file's bytes can't hold (a zlib stream grows by at most
// 1032 to 1), and no more than `most_values` values.
#pragma once

#include <string_view>

#include "core/formats/array.h"
#include "core/formats/byte_source.h"

namespace purnet {

// The matrix named `name` where there is one, else the only matrix of the file. rows x columns, C order, in the stored type.
Array decode_mat(const ByteSource& source, std::string_view name, int64_t most_values = int64_t{1} << 40);

}  // namespace purnet
