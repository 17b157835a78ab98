#include "kernels/runtime/memory.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <vector>

#include "core/tensor.h"
#include "kernels/runtime/arena.h"

namespace purnet {
namespace {

bool all_zero(const Block& block) {
    const auto* bytes = static_cast<const char*>(block.data());
    return std::all_of(bytes, bytes + block.bytes(), [](char c) { return c == 0; });
}

}  // namespace

TEST_CASE("memory: large blocks come as zeros from the system, and as they are from the cache") {
    if (std::getenv("PURNET_MEMORY_DEBUG")) return;  // nothing is kept then
    constexpr size_t bytes = (size_t{37} << 20) + 12345;
    release_cached_memory(DeviceType::cpu);
    CHECK(memory_use(DeviceType::cpu).cached == 0);
    {
        Block block(Device{}, bytes);
        CHECK(block.zero());
        CHECK(all_zero(block));
        Block moved = std::move(block);
        CHECK(moved.zero());
        CHECK(!block.zero());
        fill_bytes(moved.data(), Device{}, 0x55, bytes);
    }
    CHECK(memory_use(DeviceType::cpu).cached >= bytes);
    {
        const Block again(Device{}, bytes);
        CHECK(!again.zero());
    }
    {
        // What was freed in one size serves another.
        const Block half(Device{}, bytes / 2), quarter(Device{}, bytes / 4);
        CHECK(!half.zero());
        CHECK(!quarter.zero());
    }
    const Tensor zeros = Tensor::zeros({37, 1 << 18}, DType::f32);
    const std::vector<float> values = zeros.to_floats();
    CHECK(std::count(values.begin(), values.end(), 0.0f) == zeros.shape().count());
    release_cached_memory(DeviceType::cpu);
    CHECK(memory_use(DeviceType::cpu).cached == 0);
    CHECK(!Block(Device{}, 1000).zero());
}

TEST_CASE("arena: blocks never overlap, holes join, what was given back is zeros") {
    Arena arena(size_t{256} << 20);
    struct Piece {
        unsigned char* data;
        size_t bytes;
        unsigned char mark;
    };
    std::vector<Piece> pieces;
    uint64_t state = 11;
    const auto draw = [&](uint64_t below) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return (state >> 33) % below;
    };
    size_t live = 0, most = 0, highest = 0;
    unsigned char* const base = static_cast<unsigned char*>(arena.take(1).data);
    REQUIRE(base);
    for (int turn = 0; turn < 4000; ++turn) {
        if (turn % 500 == 499) arena.give_back();
        if (pieces.size() < 12 || draw(2)) {
            const size_t bytes = 1 + draw(uint64_t{1} << (10 + draw(13)));
            const Arena::Taken taken = arena.take(bytes);
            if (!taken.data) continue;
            auto* data = static_cast<unsigned char*>(taken.data);
            CHECK(reinterpret_cast<uintptr_t>(data) % Arena::grain == 0);
            CHECK(arena.owns(data));
            if (taken.fresh) CHECK(std::all_of(data, data + bytes, [](unsigned char c) { return c == 0; }));
            pieces.push_back({data, bytes, static_cast<unsigned char>(1 + draw(255))});
            std::fill_n(data, bytes, pieces.back().mark);
            live += (bytes + Arena::grain - 1) / Arena::grain * Arena::grain;
            most = std::max(most, live);
            highest = std::max(highest, static_cast<size_t>(data - base) + bytes);
        } else {
            const size_t i = draw(pieces.size());
            const Piece piece = pieces[i];
            CHECK(std::all_of(piece.data, piece.data + piece.bytes, [&](unsigned char c) { return c == piece.mark; }));
            arena.put_back(piece.data, piece.bytes);
            live -= (piece.bytes + Arena::grain - 1) / Arena::grain * Arena::grain;
            pieces[i] = pieces.back();
            pieces.pop_back();
        }
    }
    CHECK(highest < 2 * most);
    for (const Piece& piece : pieces) arena.put_back(piece.data, piece.bytes);
    const Arena::Taken whole = arena.take(highest - Arena::grain);  // all holes have joined
    CHECK(whole.data == base + Arena::grain);
    CHECK(!arena.take(size_t{1} << 30).data);
    arena.put_back(whole.data, highest - Arena::grain);
    arena.give_back();
    CHECK(arena.kept() == 0);
    CHECK(arena.take(size_t{4} << 20).fresh);
}

TEST_CASE("arena: holes know which pages they may have; what can't be had is refused") {
    constexpr size_t mib = size_t{1} << 20;
    Arena arena(256 * mib);
    const size_t all = std::numeric_limits<size_t>::max();
    CHECK(!arena.take(all - 10).data);
    CHECK(!arena.take(257 * mib).data);
    CHECK(!arena.keeps(all - 10));
    CHECK(!arena.owns(nullptr));
    CHECK(!arena.owns(&arena));
    void* const large = arena.take(64 * mib).data;
    void* const small = arena.take(2 * mib).data;
    void* const end = arena.take(1).data;  // what lies before it stays a hole
    arena.put_back(large, 64 * mib);
    CHECK(arena.kept() == 64 * mib);
    CHECK(arena.keeps(64 * mib));
    arena.give_back();
    CHECK(arena.kept() == 0);
    CHECK(!arena.keeps(1));
    arena.put_back(small, 2 * mib);
    CHECK(arena.kept() == 2 * mib);  // not the 64 that have no pages
    CHECK(!arena.keeps(1));
    const Arena::Taken both = arena.take(66 * mib);
    CHECK(both.data == large);
    CHECK(!both.fresh);
    arena.put_back(both.data, 66 * mib);
    arena.put_back(end, 1);
    arena.give_back();
    CHECK(arena.take(128 * mib).data == large);  // from the beginning again, and writable
    std::fill_n(static_cast<char*>(large), 128 * mib, 'x');

    Arena none(32 * mib);  // below what is worth it
    CHECK(!none.take(4 * mib).data);
    CHECK(!none.keeps(1));
    CHECK(!none.owns(large));
    none.give_back();
}

TEST_CASE("memory: large blocks are had where the arena's addresses are used up") {
    if (std::getenv("PURNET_MEMORY_DEBUG")) return;
    const auto physical = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
    // Never touched: addresses alone. Half of the machine at a time, beyond what the arena reserves, until the system says no.
    std::vector<Block> blocks;
    try {
        for (int i = 0; i < 6; ++i) blocks.emplace_back(Device{}, physical / 2);
    } catch (const Error&) {
        MESSAGE("refused after ", blocks.size());
    }
    CHECK(blocks.size() >= 1);
    blocks.clear();
    CHECK_THROWS_AS(Block(Device{}, 64 * physical), Error);
    release_cached_memory(DeviceType::cpu);
}

}  // namespace purnet
