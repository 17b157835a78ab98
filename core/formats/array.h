// Arrays as they lie in files, on the host: what every reader of core/formats returns and every writer takes.
// An Array is element type, shape and bytes, little endian, C order (last index fastest). NamedArrays keeps names in the
// order of the file, with the file's text notes. Nothing here computes: tensors are made from it one floor up.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernels/runtime/dtype.h"
#include "kernels/runtime/error.h"

namespace purnet {

// Element types of files; kernels know fewer (DType). `boolean` is one byte, 0 or 1.
enum class FileDType : uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

constexpr size_t size_of(FileDType type) {
    switch (type) {
        case FileDType::f64:
        case FileDType::i64:
        case FileDType::u64: return 8;
        case FileDType::f32:
        case FileDType::i32:
        case FileDType::u32: return 4;
        case FileDType::f16:
        case FileDType::bf16:
        case FileDType::i16:
        case FileDType::u16: return 2;
        case FileDType::i8:
        case FileDType::u8:
        case FileDType::boolean: return 1;
    }
    return 0;
}

std::string_view name_of(FileDType type);  // "float32", "bfloat16", "int64", "bool", …
FileDType file_dtype(DType type);

// Storage form of IEEE 754 binary16; conversion from float rounds to nearest even, NaN stays NaN.
struct f16 {
    uint16_t bits = 0;
    f16() = default;
    explicit f16(float value);
    explicit operator float() const;
};

template <class T>
struct FileDTypeOf;
template <>
struct FileDTypeOf<double> {
    static constexpr FileDType value = FileDType::f64;
};
template <>
struct FileDTypeOf<float> {
    static constexpr FileDType value = FileDType::f32;
};
template <>
struct FileDTypeOf<f16> {
    static constexpr FileDType value = FileDType::f16;
};
template <>
struct FileDTypeOf<bf16> {
    static constexpr FileDType value = FileDType::bf16;
};
template <>
struct FileDTypeOf<int64_t> {
    static constexpr FileDType value = FileDType::i64;
};
template <>
struct FileDTypeOf<int32_t> {
    static constexpr FileDType value = FileDType::i32;
};
template <>
struct FileDTypeOf<int16_t> {
    static constexpr FileDType value = FileDType::i16;
};
template <>
struct FileDTypeOf<int8_t> {
    static constexpr FileDType value = FileDType::i8;
};
template <>
struct FileDTypeOf<uint64_t> {
    static constexpr FileDType value = FileDType::u64;
};
template <>
struct FileDTypeOf<uint32_t> {
    static constexpr FileDType value = FileDType::u32;
};
template <>
struct FileDTypeOf<uint16_t> {
    static constexpr FileDType value = FileDType::u16;
};
template <>
struct FileDTypeOf<uint8_t> {
    static constexpr FileDType value = FileDType::u8;
};
template <>
struct FileDTypeOf<bool> {
    static constexpr FileDType value = FileDType::boolean;
};

// Largest number of dimensions that any reader accepts.
inline constexpr size_t max_file_rank = 32;

// Bytes of an array; Error ("`where`: …") for a negative dimension, too many of them, or a product beyond 2^62.
int64_t checked_bytes(std::span<const int64_t> shape, FileDType dtype, std::string_view where);

struct Array {
    FileDType dtype = FileDType::f32;
    std::vector<int64_t> shape;  // empty: a scalar
    std::vector<uint8_t> bytes;

    Array() = default;
    Array(FileDType type, std::vector<int64_t> dimensions);  // zeros

    int64_t count() const { return static_cast<int64_t>(bytes.size() / size_of(dtype)); }

    // The elements; T must be the array's own type (Error else).
    template <class T>
    std::span<const T> as() const {
        check_type(FileDTypeOf<T>::value);
        return {reinterpret_cast<const T*>(bytes.data()), static_cast<size_t>(count())};
    }
    template <class T>
    std::span<T> as() {
        check_type(FileDTypeOf<T>::value);
        return {reinterpret_cast<T*>(bytes.data()), static_cast<size_t>(count())};
    }

private:
    void check_type(FileDType asked) const;
};

// "float32 64x3x7x7", "int64 scalar"
std::string describe(const Array& array);

// An array of the values at `data` (as many as the shape says).
template <class T>
Array make_array(std::vector<int64_t> shape, const T* data) {
    Array array(FileDTypeOf<T>::value, std::move(shape));
    auto* out = array.bytes.data();
    const auto* in = reinterpret_cast<const uint8_t*>(data);
    if (!array.bytes.empty()) std::copy(in, in + array.bytes.size(), out);
    return array;
}
template <class T>
Array make_array(std::vector<int64_t> shape, const std::vector<T>& values) {
    Array array(FileDTypeOf<T>::value, std::move(shape));
    require(static_cast<size_t>(array.count()) == values.size(), "an array of ", describe(array), " can't be made of ", values.size(),
            " values");
    return make_array(std::move(array.shape), values.data());
}

// Elements in another type. Floating values round to nearest even; to an integer type every value must be integral and in
// range, else Error. Booleans are 0 and 1; any value but 0 becomes true.
Array convert(const Array& array, FileDType type);
std::vector<float> to_float32(const Array& array);
std::vector<double> to_float64(const Array& array);
std::vector<int64_t> to_int64(const Array& array);
std::vector<int32_t> to_int32(const Array& array);

// Index of the first infinity or NaN, -1 where there is none.
int64_t first_non_finite(const Array& array);

class NamedArrays {
public:
    struct Entry {
        std::string name;
        Array array;
    };

    std::map<std::string, std::string> metadata;

    Array& add(std::string name, Array array);       // Error for a name that is there already
    const Array* find(std::string_view name) const;  // null where there is none
    const Array& at(std::string_view name) const;    // Error where there is none
    bool contains(std::string_view name) const { return find(name) != nullptr; }
    size_t size() const { return entries_.size(); }
    bool empty() const { return entries_.empty(); }
    const Entry& operator[](size_t i) const { return entries_[i]; }
    Entry& operator[](size_t i) { return entries_[i]; }
    auto begin() const { return entries_.begin(); }
    auto end() const { return entries_.end(); }

private:
    std::vector<Entry> entries_;
    std::unordered_map<std::string, size_t> index_;
};

}  // namespace purnet
