#include "core/formats/array.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "tests/support/refused.h"

using namespace purnet;

namespace {
constexpr int64_t big = int64_t{1} << 40;
}

TEST_CASE("array: every half survives float32 and back") {
    for (uint32_t bits = 0; bits < 0x10000; ++bits) {
        f16 half;
        half.bits = static_cast<uint16_t>(bits);
        const float value = static_cast<float>(half);
        const bool nan = (bits & 0x7fff) > 0x7c00;
        REQUIRE(std::isnan(value) == nan);
        if (!nan) REQUIRE(f16(value).bits == bits);
        if (nan) REQUIRE((f16(value).bits & 0x7fff) > 0x7c00);
    }
}

TEST_CASE("array: float32 rounds to the nearest half, ties to even") {
    // Between each two neighbouring finite halves: the middle goes to the even one, just beside it to the nearer one.
    for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
        f16 low, high;
        low.bits = static_cast<uint16_t>(bits);
        high.bits = static_cast<uint16_t>(bits + 1);
        const float middle = (static_cast<float>(low) + static_cast<float>(high)) / 2;  // exact in float32
        REQUIRE(f16(middle).bits == ((bits & 1) ? bits + 1 : bits));
        REQUIRE(f16(std::nextafter(middle, 0.f)).bits == bits);
        REQUIRE(f16(std::nextafter(middle, 1e9f)).bits == bits + 1);
        REQUIRE(f16(-middle).bits == (((bits & 1) ? bits + 1 : bits) | 0x8000));
    }
    CHECK(f16(65519.f).bits == 0x7bff);
    CHECK(f16(65520.f).bits == 0x7c00);
    CHECK(f16(-1e30f).bits == 0xfc00);
    CHECK(f16(1e-30f).bits == 0);
    CHECK(f16(-0.f).bits == 0x8000);
}

TEST_CASE("array: conversion between types is exact or refused") {
    const Array floats = make_array<float>({2, 2}, {0.f, -1.f, 127.f, 3.f});
    CHECK(to_int64(floats) == std::vector<int64_t>{0, -1, 127, 3});
    CHECK(to_float64(convert(floats, FileDType::i8)) == std::vector<double>{0, -1, 127, 3});
    CHECK(to_float32(convert(floats, FileDType::bf16)) == std::vector<float>{0, -1, 127, 3});
    CHECK(to_float32(convert(floats, FileDType::f16)) == std::vector<float>{0, -1, 127, 3});
    CHECK(to_int32(convert(floats, FileDType::boolean)) == std::vector<int32_t>{0, 1, 1, 1});
    REFUSED(convert(floats, FileDType::u8), "the value -1 is no uint8");
    REFUSED(convert(make_array<float>({1}, {0.5f}), FileDType::i32), "the value 0.5 is no int32");
    REFUSED(to_int64(make_array<float>({1}, {std::nanf("")})), "is no int64");
    REFUSED(to_int64(make_array<double>({1}, {0x1p63})), "is no int64");
    CHECK(to_int64(make_array<double>({1}, {-0x1p63})) == std::vector<int64_t>{std::numeric_limits<int64_t>::min()});
    REFUSED(to_int32(make_array<int64_t>({1}, {big})), "the value 1099511627776 is no int32");
    CHECK(to_int64(convert(make_array<int64_t>({1}, {big}), FileDType::u64)) == std::vector<int64_t>{big});
    REFUSED(to_int64(make_array<uint64_t>({1}, {~uint64_t{0}})), "is no int64");
}

TEST_CASE("array: booleans of a file may be any byte") {
    Array flags(FileDType::boolean, {3});
    flags.bytes = {0, 1, 200};
    CHECK(to_float32(flags) == std::vector<float>{0, 1, 1});
    CHECK(convert(flags, FileDType::boolean).bytes == std::vector<uint8_t>{0, 1, 1});
}

TEST_CASE("array: typed access checks the type") {
    Array values = make_array<int32_t>({3}, {1, 2, 3});
    values.as<int32_t>()[1] = 7;
    CHECK(to_float32(values) == std::vector<float>{1, 7, 3});
    REFUSED(values.as<float>(), "an array of int32 3 was read as float32");
    CHECK(describe(values) == "int32 3");
    CHECK(describe(make_array<double>({}, {1.0})) == "float64 scalar");
    CHECK(describe(Array(FileDType::f16, {2, 0, 5})) == "float16 2x0x5");
    REFUSED((make_array<float>({2, 2}, {1.f})), "can't be made of 1 values");
}

TEST_CASE("array: sizes that overflow are refused") {
    REFUSED(checked_bytes(std::vector<int64_t>{big, big}, FileDType::f32, "x"), "x: its shape has more than 2^62 bytes");
    REFUSED(checked_bytes(std::vector<int64_t>{big, 0, big}, FileDType::f32, "x"), "2^62");
    REFUSED(checked_bytes(std::vector<int64_t>{-1}, FileDType::f32, "x"), "negative");
    REFUSED(checked_bytes(std::vector<int64_t>(33, 1), FileDType::f32, "x"), "33 dimensions");
    CHECK(checked_bytes(std::vector<int64_t>{3, 0, 5}, FileDType::f32, "x") == 0);
    CHECK(checked_bytes(std::vector<int64_t>{}, FileDType::f64, "x") == 8);
}

TEST_CASE("array: the first value that is not finite is found") {
    const float infinite = std::numeric_limits<float>::infinity();
    CHECK(first_non_finite(make_array<float>({3}, {1.f, -2.f, 3.f})) == -1);
    CHECK(first_non_finite(make_array<float>({3}, {1.f, std::nanf(""), infinite})) == 1);
    CHECK(first_non_finite(convert(make_array<float>({2}, {0.f, infinite}), FileDType::f16)) == 1);
    CHECK(first_non_finite(make_array<int32_t>({1}, {5})) == -1);
}

TEST_CASE("array: a collection keeps order and refuses a second array of a name") {
    NamedArrays arrays;
    arrays.add("z", make_array<float>({1}, {1.f}));
    arrays.add("a", make_array<float>({1}, {2.f}));
    CHECK(arrays.size() == 2);
    CHECK(arrays[0].name == "z");
    CHECK(to_float32(arrays.at("a")) == std::vector<float>{2});
    CHECK(arrays.find("b") == nullptr);
    REFUSED(arrays.at("b"), "no array is named 'b'");
    REFUSED(arrays.add("z", Array()), "two arrays are named 'z'");
}
