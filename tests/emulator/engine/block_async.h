// What goes on in a block beside its threads on sm_90: mbarriers, copies of the copy engine, products of warpgroups.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {

// Mbarriers that the monitor tells apart: each is a thread of its own in the clocks, whose epochs are its phases.
inline constexpr unsigned engine_lanes = 32;

struct Mbarrier {
    struct Waiter {
        Thread* thread;
        unsigned parity;
    };
    uint32_t address = 0;
    char* memory = nullptr;
    unsigned lane = 0;               // of the copy engine
    unsigned arrivals = 0;           // of every phase
    unsigned pending = 0;            // of this one
    int64_t bytes = 0;               // announced and yet to come; negative: came before they were announced
    uint64_t phase = 0;              // that runs now, from 0 on
    int64_t copied = -1, seen = -1;  // the last phase that a copy came in, and that a thread has seen ended
    Site copied_by{nullptr, 0};
    Thread* made_by = nullptr;
    bool in_async_proxy = false;  // its init is known there
    Site site{nullptr, 0};
    std::vector<Waiter> waiting;
    std::shared_ptr<Gathered> gathered;      // the monitor's: what this phase gathers
    std::shared_ptr<const Knowledge> ended;  // and what the last one did
};

// One copy of the copy engine that is under way.
struct BulkCopy {
    struct Piece {
        char* to;             // 16 bytes
        const char* from;     // null: only zeros
        uint8_t first, last;  // bytes first .. last - 1 come from `from`, the others are zero
    };
    uint64_t number = 0;
    uint32_t barrier = 0;
    uint64_t phase = 0;
    Site site{nullptr, 0};
    std::vector<Piece> pieces;
    std::vector<char> snapshot;
};

// One wgmma of one warp that is under way.
struct Product {
    uint64_t a = 0, b = 0;
    int columns = 0;
    bool a_across = false, b_across = false, accumulate = false;
    float* sums = nullptr;  // of lane 0: names the accumulators
    Site site{nullptr, 0};
    std::vector<uint16_t> left, right;  // as read at its issue: 16 x 16, 16 x columns
    bool same_operands(const Product& other) const {
        return a == other.a && b == other.b && columns == other.columns && a_across == other.a_across && b_across == other.b_across;
    }
};

// Accumulators that products in flight own: their true values, and where they lie in each lane.
struct Sums {
    float* lanes[32] = {};
    int count = 0;    // of a lane
    int running = 0;  // products that have yet to be waited for
    std::vector<float> values;
};

struct WarpProducts {
    bool fenced = false;  // since threads last touched accumulators
    std::vector<Product> open;
    std::deque<std::vector<Product>> groups;
    std::map<float*, Sums> sums;
    size_t issued = 0;
};

struct BlockAsync {
    std::map<uint32_t, Mbarrier> barriers;
    unsigned lanes_given = 0;
    std::vector<BulkCopy> copies;
    std::vector<WarpProducts> warps;                     // by warp
    std::vector<std::vector<Product>> issued_by_groups;  // by warpgroup: operands as the first of its warps gave them
    Block* block = nullptr;

    explicit BlockAsync(Block* owner);
    ~BlockAsync();
};

// Of the running thread's block, made on first use; of any block, null where it has none.
BlockAsync& block_async();
BlockAsync* block_async_of(const Block& block);
// Every block that has one.
const std::vector<BlockAsync*>& all_block_async();

}  // namespace purnet::emulator
