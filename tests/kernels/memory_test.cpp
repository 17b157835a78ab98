#include "kernels/runtime/memory.h"

#include <doctest/doctest.h>

#include <algorithm>
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

}  // namespace purnet
