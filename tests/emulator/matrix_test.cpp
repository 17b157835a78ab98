#include "tests/emulator/kernels/matrix.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/emulator/device.h"
#include "tests/emulator/engine/monitor.h"

namespace purnet::test {
namespace {

using emulator::FaultKind;
using seeded::Copy;

}  // namespace

TEST_CASE("emulator: asynchronous copies through a ring of stages") {
    std::vector<uint32_t> values(7 * 64 * 4);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint32_t>(i * 2654435761u);
    const DeviceArray<uint32_t> x(values), y(values.size());
    for_each_schedule([&](const emulator::Schedule&) {
        for (int stages : {1, 2, 7}) {
            seeded::staged_copy(x.get(), y.get(), stages, Copy::right);
            for (size_t s = 0; s < static_cast<size_t>(stages); ++s)
                for (size_t t = 0; t < 64; ++t)
                    for (size_t w = 0; w < 4; ++w) REQUIRE(y[(s * 64 + t) * 4 + w] == x[(s * 64 + 63 - t) * 4 + w]);
        }
    });
}

TEST_CASE("emulator: a forgotten wait of an asynchronous copy is seen") {
    const DeviceArray<uint32_t> x(std::vector<uint32_t>(4 * 64 * 4, 7)), y(4 * 64 * 4);
    auto all_right = [&] {
        for (size_t i = 0; i < y.size(); ++i)
            if (y[i] != 7) return false;
        return true;
    };
    auto wrong_or_reported = [&](Copy copy) {
        const Caught fault = caught([&] { seeded::staged_copy(x.get(), y.get(), 4, copy); });
        return (fault.any && fault.kind == FaultKind::missing_wait) || !all_right();
    };
    CHECK(!wrong_or_reported(Copy::right));
    CHECK(wrong_or_reported(Copy::no_wait));
    CHECK(wrong_or_reported(Copy::one_group_short));
    const Caught never = caught([&] { seeded::staged_copy(x.get(), y.get(), 2, Copy::never_waited); });
    CHECK(never.any);
    CHECK(never.kind == FaultKind::missing_wait);
    CHECK(caught([&] { seeded::staged_copy(x.get(), y.get(), 1, Copy::misaligned); }).kind == FaultKind::misaligned);
    CHECK(caught([&] { seeded::staged_copy(x.get(), y.get(), 1, Copy::beyond); }).kind == FaultKind::out_of_bounds);
}

TEST_CASE("emulator: a missing barrier after a copy gives a wrong result or is reported") {
    const DeviceArray<uint32_t> x(std::vector<uint32_t>(64 * 4, 7)), y(64 * 4);
    const Caught fault = caught([&] { seeded::staged_copy(x.get(), y.get(), 1, Copy::no_barrier); });
    CHECK(fault.any == emulator::monitor::present);
    CHECK(y[0] != 7);
}

TEST_CASE("emulator: matrices land in lanes as documented") {
    const DeviceArray<uint32_t> out(128);
    seeded::show_matrices(out.get(), false);
    for (size_t lane = 0; lane < 32; ++lane)
        for (size_t m = 0; m < 4; ++m) {
            const uint32_t first = static_cast<uint32_t>(64 * m + 2 * lane);  // row lane / 4 of 8 elements
            CHECK(out[4 * lane + m] == (first | (first + 1) << 16));
        }
    seeded::show_matrices(out.get(), true);
    for (size_t lane = 0; lane < 32; ++lane)
        for (size_t m = 0; m < 4; ++m) {
            const uint32_t first = static_cast<uint32_t>(64 * m + 16 * (lane % 4) + lane / 4);
            CHECK(out[4 * lane + m] == (first | (first + 8) << 16));
        }
    CHECK(caught([&] { seeded::misaligned_matrix(out.get()); }).kind == FaultKind::misaligned);
}

TEST_CASE("emulator: a product of matrices, exact, for every storage of its operands") {
    const int m = 128, n = 64, k = 192;
    std::vector<int> a(static_cast<size_t>(m * k)), b(static_cast<size_t>(k * n));
    for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<int>(i * 7 % 5) - 2;
    for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<int>(i * 11 % 7) - 3;
    std::vector<int> wanted(static_cast<size_t>(m * n), 0);
    for (int i = 0; i < m; ++i)
        for (int j = 0; j < n; ++j)
            for (int l = 0; l < k; ++l)
                wanted[static_cast<size_t>(i * n + j)] += a[static_cast<size_t>(i * k + l)] * b[static_cast<size_t>(l * n + j)];
    for (bool a_along_k : {true, false})
        for (bool b_along_k : {true, false}) {
            std::vector<bf16> ha(a.size()), hb(b.size());
            for (int i = 0; i < m; ++i)
                for (int l = 0; l < k; ++l)
                    ha[static_cast<size_t>(a_along_k ? i * k + l : l * m + i)] =
                        bf16(static_cast<float>(a[static_cast<size_t>(i * k + l)]));
            for (int l = 0; l < k; ++l)
                for (int j = 0; j < n; ++j)
                    hb[static_cast<size_t>(b_along_k ? j * k + l : l * n + j)] =
                        bf16(static_cast<float>(b[static_cast<size_t>(l * n + j)]));
            const DeviceArray<bf16> da(ha), db(hb);
            const DeviceArray<float> dc(wanted.size());
            const emulator::Schedule before = emulator::schedule();
            for (uint64_t seed : {0, 1}) {
                emulator::schedule() = seed ? emulator::Schedule{emulator::Schedule::shuffled, seed, 2} : before;
                seeded::gemm(da.get(), db.get(), dc.get(), m, n, k, a_along_k, b_along_k);
                for (size_t i = 0; i < wanted.size(); ++i) REQUIRE(dc[i] == wanted[i]);
            }
            emulator::schedule() = before;
        }
}

TEST_CASE("emulator: tf32 rounds its operands to 10 bits") {
    std::vector<float> a(128), b(64, 0.0f);
    for (size_t i = 0; i < 128; ++i) a[i] = 1.0f + 0x1p-11f * static_cast<float>(i % 3) + static_cast<float>(i / 8);
    for (size_t i = 0; i < 8; ++i) b[i * 8 + i] = 1.0f;
    const DeviceArray<float> da(a), db(b), c(128);
    seeded::product_tf32(da.get(), db.get(), c.get());
    for (size_t i = 0; i < 128; ++i) {
        // Nearest multiple of 2^(exponent - 10), halves away from zero.
        const int exponent = std::ilogb(a[i]);
        const double step = std::ldexp(1.0, exponent - 10);
        CHECK(c[i] == static_cast<float>(std::floor(static_cast<double>(a[i]) / step + 0.5) * step));
    }
}

}  // namespace purnet::test
