// Lane maps, descriptors and boxes as texts, equal to those in tests/goldens/lanes. The goldens are what the PTX ISA says and the emulator
// does; a device that answers otherwise shows where the emulator, and every kernel tested on it, is wrong. PURNET_PROBE=FOLDER
// keeps the texts.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iterator>
#include <sstream>

#include "tests/device/place.h"
#include "tests/device/probe.h"
#include "tests/support/goldens.h"

namespace purnet::test {
namespace {

void compare(const std::string& name, const std::string& text) {
    if (const char* folder = std::getenv("PURNET_PROBE")) {
        std::filesystem::create_directories(folder);
        std::ofstream(std::filesystem::path(folder) / name) << text;
    }
    std::ifstream file(golden_path("lanes/" + name));
    const std::string golden{std::istreambuf_iterator<char>(file), {}};
    REQUIRE_MESSAGE(!golden.empty(), "no tests/goldens/lanes/", name);
    std::istringstream wanted(golden), got(text);
    int number = 1;
    for (std::string want, have; std::getline(wanted, want); ++number) {
        std::getline(got, have);
        REQUIRE_MESSAGE(have == want, name, ", line ", number, ": ", have, "\nwanted: ", want);
    }
    CHECK(text == golden);
}

// Products that tell where a sum lies: A's rows hold their number at term 0 and B's hold 1, so each sum is its row's number; the other way
// round its column's; and of a single term of A with B's terms numbered, the number of the term that it meets.
ProbedOperands operands(int rows, int columns, int terms) {
    return {std::vector<float>(static_cast<size_t>(rows * terms)), std::vector<float>(static_cast<size_t>(columns * terms))};
}

ProbedOperands rows_numbered(int rows, int columns, int terms) {
    ProbedOperands list = operands(rows, columns, terms);
    for (int i = 0; i < rows; ++i) list.a[static_cast<size_t>(i * terms)] = static_cast<float>(i);
    for (int i = 0; i < columns; ++i) list.b[static_cast<size_t>(i * terms)] = 1;
    return list;
}
ProbedOperands columns_numbered(int rows, int columns, int terms) {
    ProbedOperands list = operands(rows, columns, terms);
    for (int i = 0; i < rows; ++i) list.a[static_cast<size_t>(i * terms)] = 1;
    for (int i = 0; i < columns; ++i) list.b[static_cast<size_t>(i * terms)] = static_cast<float>(i);
    return list;
}
ProbedOperands terms_numbered(int rows, int columns, int terms, int one) {
    ProbedOperands list = operands(rows, columns, terms);
    for (int i = 0; i < rows; ++i) list.a[static_cast<size_t>(i * terms + one)] = 1;
    for (int i = 0; i < columns * terms; ++i) list.b[static_cast<size_t>(i)] = static_cast<float>(i % terms + 1);
    return list;
}

// A line a thread: (row, column) of its first four sums; of further quads only those that do not lie 8 columns from the one before.
std::string places(const std::vector<float>& rows, const std::vector<float>& columns, size_t each) {
    std::ostringstream text;
    for (size_t thread = 0; thread < rows.size(); thread += each) {
        for (size_t i = 0; i < each; ++i) {
            const size_t at = thread + i;
            if (i >= 4 && rows[at] == rows[at - 4] && columns[at] == columns[at - 4] + 8) continue;
            text << (i ? " " : "") << "(" << rows[at] << "," << columns[at] << ")";
        }
        text << "\n";
    }
    return text.str();
}

// The term that each term of A meets, in all sums alike.
template <class Product>
std::string terms(int count, const Product& product) {
    std::ostringstream text;
    for (int one = 0; one < count; ++one) {
        const std::vector<float> sums = product(one);
        for (const float sum : sums) REQUIRE(sum == sums[0]);
        text << (one ? " " : "") << sums[0] - 1;
    }
    return text.str() + "\n";
}

std::string chunks(const std::vector<uint16_t>& numbers) {
    std::ostringstream text;
    for (size_t i = 0; i < numbers.size(); ++i) text << std::setw(4) << numbers[i] << (i % 8 == 7 ? "\n" : "");
    return text.str();
}

}  // namespace

TEST_CASE("device probe: which lane of a warp holds what") {
    const Prober prober(place().device);
    std::ostringstream text;
    for (const bool transposed : {false, true}) {
        text << "ldmatrix.x4" << (transposed ? ".trans" : "") << ": elements of each lane's registers\n";
        const std::vector<uint32_t> registers = prober.matrices(transposed);
        for (size_t i = 0; i < registers.size(); ++i)
            text << (i % 4 ? "  " : "") << (registers[i] & 0xffff) << " " << (registers[i] >> 16) << (i % 4 == 3 ? "\n" : "");
    }
    text << "mma.m16n8k16.bf16: (row, column) of each lane's sums\n"
         << places(prober.warp_product(rows_numbered(16, 8, 16)), prober.warp_product(columns_numbered(16, 8, 16)), 4)
         << "terms of B that A's terms 0, 1, ... meet\n"
         << terms(16, [&](int one) { return prober.warp_product(terms_numbered(16, 8, 16, one)); });
    compare("warp.txt", text.str());
}

TEST_CASE("device probe: which thread of a warpgroup holds what, and how operands are described") {
    const Prober prober(place().device);
    if (!prober.has_sm90()) {
        MESSAGE("skipped: not of compute capability 9.0");
        return;
    }
    std::ostringstream text;
    for (const bool along : {true, false}) {
        text << "descriptors, the sum " << (along ? "along" : "across") << " the rows:" << std::hex;
        for (const uint64_t descriptor : prober.descriptors(along)) text << " " << descriptor;
        text << std::dec << "\n";
    }
    std::string first;
    for (const bool a : {true, false})
        for (const bool b : {true, false}) {
            const std::string own =
                places(prober.group_product(a, b, rows_numbered(64, 64, 64)), prober.group_product(a, b, columns_numbered(64, 64, 64)), 32);
            text << "wgmma.m64n64k16.bf16, the sum " << (a ? "along" : "across") << " A's rows, " << (b ? "along" : "across")
                 << " B's: (row, column) of each thread's sums\n"
                 << (own == first ? "the same\n" : own) << "terms of B that A's terms 0, 1, ... meet\n"
                 << terms(64, [&](int one) { return prober.group_product(a, b, terms_numbered(64, 64, 64, one)); });
            if (first.empty()) first = own;
        }
    compare("warpgroup.txt", text.str());
}

TEST_CASE("device probe: where the copy engine puts what") {
    const Prober prober(place().device);
    if (!prober.has_sm90()) {
        MESSAGE("skipped: not of compute capability 9.0");
        return;
    }
    std::ostringstream text;
    for (const auto& [column, row] : {std::pair{0, 0}, {64, 3}, {96, 12}, {0, 20}, {-64, -2}})
        text << "rows of 128 elements, 16 of them: box of 64 x 8 from column " << column << ", row " << row << "\n"
             << chunks(prober.box(128, 16, 8, column, row));
    using Pixels = Prober::Pixels;
    for (const Pixels& p : {
             Pixels{2, 5, 4, 5, 4, 1, -1, -1, 0, -1, -1, 0, 0},  // 3x3, pad 1: the first tap from the first place on
             Pixels{2, 5, 4, 5, 4, 1, -1, -1, 0, -1, -1, 2, 1},
             Pixels{2, 5, 4, 5, 4, 1, -1, -1, 1, 1, 0, 1, 2},    // from the middle of the second picture to beyond it
             Pixels{3, 7, 6, 4, 3, 2, -1, -1, 0, -1, -1, 1, 1},  // stride 2
             Pixels{2, 6, 6, 6, 6, 1, -2, -2, 0, 0, 2, 4, 0},    // dilation 2, the last row of taps, from a place inside
             Pixels{1, 8, 9, 6, 7, 1, 0, 0, 0, 0, 0, 2, 2},      // no pad
         })
        text << p.n << " pictures of " << p.h << "x" << p.w << ", " << p.out_h << "x" << p.out_w << " places " << p.stride
             << " apart from (" << p.first_h << "," << p.first_w << "): 64 from picture " << p.at_n << ", (" << p.at_h << "," << p.at_w
             << ") on, by (" << p.by_h << "," << p.by_w << ")\n"
             << chunks(prober.pixels(p));
    compare("boxes.txt", text.str());
}

}  // namespace purnet::test
