// Element types. float64 lives on the reference device, float32 and bf16 in products, the integers are data.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace purnet {

enum class DType : uint8_t { f32, f64, bf16, i32, u8 };

// Storage form of bf16: the upper half of a float32, rounded to nearest even; NaN stays NaN.
struct bf16 {
    uint16_t bits = 0;

    bf16() = default;
    explicit bf16(float value) {
        uint32_t u = std::bit_cast<uint32_t>(value);
        const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
        bits = nan ? static_cast<uint16_t>((u >> 16) | 0x40u) : static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }
    explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

constexpr size_t size_of(DType type) {
    switch (type) {
        case DType::f64: return 8;
        case DType::f32:
        case DType::i32: return 4;
        case DType::bf16: return 2;
        case DType::u8: return 1;
    }
    return 0;
}

constexpr std::string_view name_of(DType type) {
    switch (type) {
        case DType::f64: return "float64";
        case DType::f32: return "float32";
        case DType::bf16: return "bf16";
        case DType::i32: return "int32";
        case DType::u8: return "uint8";
    }
    return "?";
}

template <class T>
inline constexpr DType dtype_of = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<bf16> = DType::bf16;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;

// Parameters, statistics, losses and master weights beside activations of this type.
constexpr DType parameter_dtype(DType activation) { return activation == DType::f64 ? DType::f64 : DType::f32; }

}  // namespace purnet
