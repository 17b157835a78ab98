#include "core/formats/array.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/formats/byte_source.h"

namespace purnet {

static_assert(std::endian::native == std::endian::little, "bytes of arrays are little endian");

std::string_view name_of(FileDType type) {
    switch (type) {
        case FileDType::f64: return "float64";
        case FileDType::f32: return "float32";
        case FileDType::f16: return "float16";
        case FileDType::bf16: return "bfloat16";
        case FileDType::i64: return "int64";
        case FileDType::i32: return "int32";
        case FileDType::i16: return "int16";
        case FileDType::i8: return "int8";
        case FileDType::u64: return "uint64";
        case FileDType::u32: return "uint32";
        case FileDType::u16: return "uint16";
        case FileDType::u8: return "uint8";
        case FileDType::boolean: return "bool";
    }
    return "?";
}

FileDType file_dtype(DType type) {
    switch (type) {
        case DType::f64: return FileDType::f64;
        case DType::f32: return FileDType::f32;
        case DType::bf16: return FileDType::bf16;
        case DType::i32: return FileDType::i32;
        case DType::u8: return FileDType::u8;
    }
    fail("no file type for ", name_of(type));
}

f16::f16(float value) {
    const uint32_t u = std::bit_cast<uint32_t>(value);
    const auto sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
    const uint32_t magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u) {
        bits = static_cast<uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x1ffu));
    } else if (magnitude >= 0x477ff000u) {  // 65520 and above round to infinity
        bits = static_cast<uint16_t>(sign | 0x7c00u);
    } else if (magnitude >= 0x38800000u) {  // normal: rebias the exponent by 112, round the 13 bits that go
        const uint32_t rebased = magnitude - 0x38000000u;
        bits = static_cast<uint16_t>(sign | ((rebased + 0xfffu + ((rebased >> 13) & 1u)) >> 13));
    } else {
        // Subnormal: 0.5 has the unit 2^-24, the spacing of subnormal halves, so the sum rounds to it (ties to even).
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        bits = static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
    }
}

// Selections in place of branches: simd loops over it are vectors.
f16::operator float() const {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
    const uint32_t magnitude = bits & 0x7fffu;
    const uint32_t normal = (magnitude << 13) + (magnitude >= 0x7c00u ? 0x70000000u : 0x38000000u);
    const uint32_t small = std::bit_cast<uint32_t>(static_cast<float>(static_cast<int32_t>(magnitude)) * 0x1p-24f);
    return std::bit_cast<float>(sign | (magnitude >= 0x0400u ? normal : small));
}

int64_t checked_bytes(std::span<const int64_t> shape, FileDType dtype, std::string_view where) {
    require(shape.size() <= max_file_rank, where, ": has ", shape.size(), " dimensions, more than ", max_file_rank);
    constexpr int64_t limit = int64_t{1} << 62;
    // A zero anywhere makes the product zero, yet the other dimensions must not overflow it on the way.
    int64_t product = static_cast<int64_t>(size_of(dtype));
    bool zero = false;
    for (const int64_t dimension : shape) {
        require(dimension >= 0, where, ": a dimension is negative (", dimension, ")");
        if (dimension == 0) {
            zero = true;
            continue;
        }
        require(product <= limit / dimension, where, ": its shape has more than 2^62 bytes");
        product *= dimension;
    }
    return zero ? 0 : product;
}

Array::Array(FileDType type, std::vector<int64_t> dimensions)
    : dtype(type), shape(std::move(dimensions)), bytes(static_cast<size_t>(checked_bytes(shape, type, "array"))) {}

void Array::check_type(FileDType asked) const { require(asked == dtype, "an array of ", describe(*this), " was read as ", name_of(asked)); }

std::string describe(const Array& array) {
    std::string text(name_of(array.dtype));
    text += ' ';
    if (array.shape.empty()) return text + "scalar";
    for (size_t i = 0; i < array.shape.size(); ++i) text += (i ? "x" : "") + std::to_string(array.shape[i]);
    return text;
}

namespace {

// Calls body.operator()<T>() with the type that holds one element.
template <class Body>
decltype(auto) with_type(FileDType type, Body&& body) {
    switch (type) {
        case FileDType::f64: return body.template operator()<double>();
        case FileDType::f32: return body.template operator()<float>();
        case FileDType::f16: return body.template operator()<f16>();
        case FileDType::bf16: return body.template operator()<bf16>();
        case FileDType::i64: return body.template operator()<int64_t>();
        case FileDType::i32: return body.template operator()<int32_t>();
        case FileDType::i16: return body.template operator()<int16_t>();
        case FileDType::i8: return body.template operator()<int8_t>();
        case FileDType::u64: return body.template operator()<uint64_t>();
        case FileDType::u32: return body.template operator()<uint32_t>();
        case FileDType::u16: return body.template operator()<uint16_t>();
        case FileDType::u8: return body.template operator()<uint8_t>();
        case FileDType::boolean: return body.template operator()<bool>();
    }
    fail("unknown element type");
}

// A boolean byte of a file may hold any value: loading it as bool would be undefined.
template <class T>
auto load(const uint8_t* at) {
    if constexpr (std::is_same_v<T, bool>) {
        return static_cast<uint8_t>(*at != 0);
    } else {
        T value;
        std::memcpy(&value, at, sizeof value);
        if constexpr (std::is_same_v<T, f16> || std::is_same_v<T, bf16>)
            return static_cast<float>(value);
        else
            return value;
    }
}

template <class To, class From>
To cast(From value) {
    if constexpr (std::is_same_v<To, bool>) {
        return value != From{0};
    } else if constexpr (std::is_same_v<To, f16> || std::is_same_v<To, bf16>) {
        return To(static_cast<float>(value));
    } else if constexpr (std::is_floating_point_v<To>) {
        return static_cast<To>(value);
    } else if constexpr (std::is_floating_point_v<From>) {
        // Both limits are exact in double: the lower is a power of two or 0, the upper + 1 is one.
        const auto wide = static_cast<double>(value);
        const double above = std::ldexp(1.0, std::numeric_limits<To>::digits);
        require(wide >= static_cast<double>(std::numeric_limits<To>::min()) && wide < above && wide == std::floor(wide), "the value ", wide,
                " is no ", name_of(FileDTypeOf<To>::value));
        return static_cast<To>(wide);
    } else {
        require(std::in_range<To>(value), "the value ", +value, " is no ", name_of(FileDTypeOf<To>::value));
        return static_cast<To>(value);
    }
}

template <class To>
void convert_into(const Array& array, To* out) {
    require(array.bytes.size() == static_cast<size_t>(checked_bytes(array.shape, array.dtype, "array")), "an array of ", describe(array),
            " holds ", array.bytes.size(), " bytes");
    with_type(array.dtype, [&]<class From>() {
        const uint8_t* in = array.bytes.data();
        const int64_t count = array.count();
        const auto element = [&](int64_t i) {
            const To value = cast<To>(load<From>(in + static_cast<size_t>(i) * sizeof(From)));
            std::memcpy(out + i, &value, sizeof value);
        };
        if constexpr (std::is_floating_point_v<To>) {  // no value is refused
#pragma omp simd
            for (int64_t i = 0; i < count; ++i) element(i);
        } else {
            for (int64_t i = 0; i < count; ++i) element(i);
        }
    });
}

template <class To>
std::vector<To> values_of(const Array& array) {
    std::vector<To> out(static_cast<size_t>(array.count()));
    convert_into(array, out.data());
    return out;
}

}  // namespace

Array convert(const Array& array, FileDType type) {
    Array out(type, array.shape);
    with_type(type, [&]<class To>() { convert_into(array, reinterpret_cast<To*>(out.bytes.data())); });
    return out;
}

std::vector<float> to_float32(const Array& array) { return values_of<float>(array); }
std::vector<double> to_float64(const Array& array) { return values_of<double>(array); }
std::vector<int64_t> to_int64(const Array& array) { return values_of<int64_t>(array); }
std::vector<int32_t> to_int32(const Array& array) { return values_of<int32_t>(array); }

int64_t first_non_finite(const Array& array) {
    return with_type(array.dtype, [&]<class T>() -> int64_t {
        if constexpr (std::is_integral_v<T>) {
            return -1;
        } else {
            const uint8_t* in = array.bytes.data();
            const auto finite = [&](int64_t i) { return std::isfinite(load<T>(in + static_cast<size_t>(i) * sizeof(T))); };
            // Stretches without a branch inside are vectors.
            constexpr int64_t stretch = 4096;
            for (int64_t begin = 0; begin < array.count(); begin += stretch) {
                const int64_t end = std::min(begin + stretch, array.count());
                int bad = 0;
                for (int64_t i = begin; i < end; ++i) bad |= !finite(i);
                for (int64_t i = begin; bad && i < end; ++i)
                    if (!finite(i)) return i;
            }
            return -1;
        }
    });
}

Array& NamedArrays::add(std::string name, Array array) {
    const auto [at, fresh] = index_.emplace(name, entries_.size());
    if (!fresh) fail("two arrays are named ", printable(name));
    entries_.push_back({std::move(name), std::move(array)});
    return entries_.back().array;
}

const Array* NamedArrays::find(std::string_view name) const {
    const auto at = index_.find(std::string(name));
    return at == index_.end() ? nullptr : &entries_[at->second].array;
}

const Array& NamedArrays::at(std::string_view name) const {
    const Array* array = find(name);
    if (!array) fail("no array is named ", printable(name));
    return *array;
}

}  // namespace purnet
