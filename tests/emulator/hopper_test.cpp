// The copy engine, mbarriers and wgmma: kernels without a defect are right in every schedule, each seeded defect is named.
#include "tests/emulator/kernels/hopper.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>

#include "tests/emulator/device.h"
#include "tests/emulator/engine/monitor.h"

namespace purnet::test {
namespace {

using emulator::FaultKind;
using seeded::Hopper;

int value_of(size_t i, int span) { return static_cast<int>(i * 2654435761u >> 7) % span - span / 2; }

// 64 x n x k, small integers: everything is exact.
struct Case {
    int n, k;
    bool a_along_k, b_along_k;
    std::vector<float> wanted;
    DeviceArray<bf16> a, b;
    DeviceArray<float> c;

    Case(int n_, int k_, bool along_a, bool along_b)
        : n(n_),
          k(k_),
          a_along_k(along_a),
          b_along_k(along_b),
          wanted(static_cast<size_t>(64 * n)),
          a(static_cast<size_t>(64 * k)),
          b(static_cast<size_t>(n * k)),
          c(static_cast<size_t>(64 * n)) {
        const auto left = [&](int i, int l) { return value_of(static_cast<size_t>(i * 977 + l), 5); };
        const auto right = [&](int l, int j) { return value_of(static_cast<size_t>(j * 1013 + l + 17), 7); };
        for (int i = 0; i < 64; ++i)
            for (int l = 0; l < k; ++l) a.get()[a_along_k ? i * k + l : l * 64 + i] = bf16(static_cast<float>(left(i, l)));
        for (int l = 0; l < k; ++l)
            for (int j = 0; j < n; ++j) b.get()[b_along_k ? j * k + l : l * n + j] = bf16(static_cast<float>(right(l, j)));
        for (int i = 0; i < 64; ++i)
            for (int j = 0; j < n; ++j) {
                int sum = 0;
                for (int l = 0; l < k; ++l) sum += left(i, l) * right(l, j);
                wanted[static_cast<size_t>(i * n + j)] = static_cast<float>(sum);
            }
    }
    void run(Hopper defect) {
        for (size_t i = 0; i < c.size(); ++i) c.get()[i] = std::nanf("");
        seeded::hopper_product(a.get(), b.get(), c.get(), n, k, a_along_k, b_along_k, defect);
    }
    size_t wrong() const {
        size_t count = 0;
        for (size_t i = 0; i < wanted.size(); ++i) count += !(c[i] == wanted[i]);
        return count;
    }
};

}  // namespace

TEST_CASE("emulator: products of a warpgroup fed by the copy engine, for every storage of the operands") {
    for (const int n : {64, 128})
        for (const bool along_a : {true, false})
            for (const bool along_b : {true, false}) {
                Case one(n, 200, along_a, along_b);
                CAPTURE(n);
                CAPTURE(along_a);
                CAPTURE(along_b);
                for_each_schedule([&](const emulator::Schedule& s) {
                    CAPTURE(s.seed);
                    one.run(Hopper::right);
                    CHECK(one.wrong() == 0);
                });
            }
}

TEST_CASE("emulator: seeded defects of copies, mbarriers and wgmma are named in every schedule") {
    struct Wanted {
        Hopper defect;
        FaultKind kind;
        const char* text;
    };
    const Wanted list[] = {
        {Hopper::producer_parity, FaultKind::endless_wait, "1 of 1 arrivals"},
        {Hopper::too_many_bytes, FaultKind::endless_wait, "0 of 1 arrivals and 16 bytes are missing"},
        {Hopper::too_few_bytes, FaultKind::wrong_count, "bytes were announced"},
        {Hopper::second_arrival, FaultKind::wrong_count, "one arrival too many"},
        {Hopper::no_init_fence, FaultKind::missing_proxy_fence, "whose init"},
        {Hopper::no_init, FaultKind::uninitialised, "there is no mbarrier"},
        {Hopper::operand_overwritten, FaultKind::missing_wait, "an operand of a wgmma changed"},
        {Hopper::sums_written_early, FaultKind::missing_wait, "an accumulator was written"},
        {Hopper::no_wgmma_fence, FaultKind::missing_fence, "without wgmma.fence"},
        {Hopper::silent_warp, FaultKind::wrong_mask, "did not issue"},
        {Hopper::misaligned_descriptor, FaultKind::bad_descriptor, "no multiple of 1024"},
        {Hopper::misaligned_box, FaultKind::misaligned, "no multiple of 128"},
        {Hopper::no_map, FaultKind::bad_descriptor, "no tensor map"},
        {Hopper::copy_never_waited, FaultKind::missing_wait, "a block ends"},
    };
    Case one(64, 256, true, true);
    for (const Wanted& wanted : list) {
        CAPTURE(static_cast<int>(wanted.defect));
        for_each_schedule([&](const emulator::Schedule& s) {
            CAPTURE(s.seed);
            const Caught fault = caught([&] { one.run(wanted.defect); });
            REQUIRE(fault.any);
            // The monitor sees a thread's write to a running operand at once.
            if (emulator::monitor::present && wanted.defect == Hopper::operand_overwritten && fault.kind == FaultKind::race) return;
            CHECK_MESSAGE(fault.kind == wanted.kind, fault.text);
            CHECK_MESSAGE(fault.text.find(wanted.text) != std::string::npos, fault.text);
        });
    }
}

TEST_CASE("emulator: who does not wait for a copy or a product, or frees a stage too early, is reported or gets a wrong result") {
    Case one(64, 320, true, true);
    for (const Hopper defect : {Hopper::no_wait_for_copies, Hopper::consumer_parity, Hopper::early_release, Hopper::no_wgmma_wait}) {
        CAPTURE(static_cast<int>(defect));
        for_each_schedule([&](const emulator::Schedule& s) {
            CAPTURE(s.seed);
            const Caught fault = caught([&] { one.run(defect); });
            if (emulator::monitor::present) {
                REQUIRE(fault.any);
                // Where copies land early, a wrong parity ends in a wait for a phase that never comes.
                CHECK_MESSAGE((fault.kind == FaultKind::missing_wait || fault.kind == FaultKind::race ||
                               (fault.kind == FaultKind::endless_wait && defect == Hopper::consumer_parity)),
                              fault.text);
            } else if (s.order != emulator::Schedule::shuffled && defect != Hopper::early_release) {
                CHECK((fault.any || one.wrong() > 0));
            }
        });
    }
}

TEST_CASE("emulator: sums that are read before their wait are no numbers") {
    Case one(64, 128, true, true);
    one.run(Hopper::sums_read_early);
    CHECK(one.wrong() == one.wanted.size());
}

TEST_CASE("emulator: what threads write reaches wgmma through a proxy fence of the writers or of the readers") {
    std::vector<bf16> a(64 * 64), b(64 * 64);
    for (size_t i = 0; i < a.size(); ++i)
        a[i] = bf16(static_cast<float>(value_of(i, 5))), b[i] = bf16(static_cast<float>(value_of(i + 99, 5)));
    const DeviceArray<bf16> da(a), db(b);
    const DeviceArray<float> c(64 * 64);
    using seeded::ProxyFence;
    for_each_schedule([&](const emulator::Schedule&) {
        for (const ProxyFence fence : {ProxyFence::by_writers, ProxyFence::by_readers}) {
            seeded::written_product(da.get(), db.get(), c.get(), fence);
            double sum = 0;
            for (size_t k = 0; k < 64; ++k) sum += static_cast<double>(float(a[3 * 64 + k])) * static_cast<double>(float(b[5 * 64 + k]));
            CHECK(c[3 * 64 + 5] == sum);
        }
        const Caught fault = caught([&] { seeded::written_product(da.get(), db.get(), c.get(), ProxyFence::missing); });
        CHECK(fault.any == emulator::monitor::present);
        if (fault.any) CHECK_MESSAGE(fault.kind == FaultKind::missing_proxy_fence, fault.text);
    });
}

TEST_CASE("emulator: pixels of the copy engine are those of a convolution's formula") {
    struct Grid {
        int64_t n, h, w, c;
        int kernel, stride, pad_top, pad_left, pad_bottom, pad_right, dilation;
    };
    const Grid grids[] = {
        {2, 5, 7, 64, 3, 1, 1, 1, 1, 1, 1}, {3, 6, 4, 72, 3, 2, 1, 1, 1, 1, 1}, {1, 9, 11, 8, 3, 1, 4, 4, 4, 4, 4},
        {2, 7, 6, 24, 1, 3, 0, 0, 0, 0, 1}, {2, 8, 9, 40, 5, 2, 1, 0, 2, 3, 1}, {4, 1, 1, 64, 1, 1, 0, 0, 0, 0, 1},
    };
    for (const Grid& g : grids) {
        const int64_t out_h = (g.h + g.pad_top + g.pad_bottom - (g.kernel - 1) * g.dilation - 1) / g.stride + 1;
        const int64_t out_w = (g.w + g.pad_left + g.pad_right - (g.kernel - 1) * g.dilation - 1) / g.stride + 1;
        std::vector<bf16> values(static_cast<size_t>(g.n * g.h * g.w * g.c));
        for (size_t i = 0; i < values.size(); ++i) values[i] = bf16(static_cast<float>(value_of(i, 200)));
        const DeviceArray<bf16> x(values), out(64 * 64);
        for (int64_t row : {int64_t{0}, out_w * out_h / 2, g.n * out_h * out_w - 1})
            for (int tap = 0; tap < g.kernel * g.kernel; ++tap)
                for (int64_t c0 = 0; c0 < g.c; c0 += 64) {
                    const int by_h = tap / g.kernel * g.dilation, by_w = tap % g.kernel * g.dilation;
                    const int64_t n = row / (out_h * out_w), p = row / out_w % out_h, q = row % out_w;
                    seeded::show_pixels(x.get(), out.get(), g.n, g.h, g.w, g.c, out_h, out_w, g.stride, -g.pad_top, -g.pad_left,
                                        {static_cast<int>(n), static_cast<int>(p) * g.stride - g.pad_top,
                                         static_cast<int>(q) * g.stride - g.pad_left, static_cast<int>(c0), by_h, by_w});
                    for (int64_t i = 0; i < 64; ++i)
                        for (int64_t c = 0; c < 64; ++c) {
                            const int64_t at = row + i, nn = at / (out_h * out_w);
                            const int64_t hh = at / out_w % out_h * g.stride - g.pad_top + by_h;
                            const int64_t ww = at % out_w * g.stride - g.pad_left + by_w;
                            const bool inside = nn < g.n && hh >= 0 && hh < g.h && ww >= 0 && ww < g.w && c0 + c < g.c;
                            const float wanted =
                                inside ? float(values[static_cast<size_t>(((nn * g.h + hh) * g.w + ww) * g.c + c0 + c)]) : 0.0f;
                            REQUIRE(float(out[static_cast<size_t>(64 * i + c)]) == wanted);
                        }
                }
    }
}

TEST_CASE("emulator: boxes of the copy engine are zero outside the tensor") {
    std::vector<bf16> values(11 * 72);
    for (size_t i = 0; i < values.size(); ++i) values[i] = bf16(static_cast<float>(value_of(i, 200)));
    const DeviceArray<bf16> x(values), out(8 * 64);
    for (const int row : {0, 5, -3, 8, 12})
        for (const int column : {0, 16, -8, 56, 80, -3}) {
            seeded::show_box(x.get(), out.get(), 11, 72, row, column);
            for (int i = 0; i < 8; ++i)
                for (int j = 0; j < 64; ++j) {
                    const int r = row + i, c = column + j;
                    const bool inside = r >= 0 && r < 11 && c >= 0 && c < 72;
                    REQUIRE(float(out[static_cast<size_t>(64 * i + j)]) ==
                            (inside ? float(values[static_cast<size_t>(72 * r + c)]) : 0.0f));
                }
        }
}

TEST_CASE("emulator: a device of compute capability 8.0 has none of it") {
    emulator::device_index() = 1;
    Case one(64, 64, true, true);
    const Caught fault = caught([&] { one.run(Hopper::right); });
    emulator::device_index() = 0;
    REQUIRE(fault.any);
    CHECK(fault.kind == FaultKind::unsupported);
}

}  // namespace purnet::test
