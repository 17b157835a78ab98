// Counter-based random numbers: value = f(seed, stream name, step, index), without any state, so that the order in which
// threads ask never matters and a run resumed at any step sees what the unbroken one saw.
//
// Philox 4x32-10: ten rounds on a counter of four 32-bit words c under a key of two words k:
//     c' = (hi(M1 c2) ^ c1 ^ k0, lo(M1 c2), hi(M0 c0) ^ c3 ^ k1, lo(M0 c0)),  k' = k + (W0, W1) between rounds.
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
//
// Here the key is Philox(counter = (hash of the stream name, 0, 0), key = seed), which keeps streams of all seeds apart, and the
// counter is (index: 64 bits, step: 48 bits, block: 16 bits).
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/runtime/error.h"

namespace purnet {

using PhiloxBlock = std::array<uint32_t, 4>;

constexpr PhiloxBlock philox4x32(PhiloxBlock counter, std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t p0 = uint64_t{0xD2511F53u} * counter[0];
        const uint64_t p1 = uint64_t{0xCD9E8D57u} * counter[2];
        counter = {static_cast<uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(p1),
                   static_cast<uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(p0)};
        key[0] += 0x9E3779B9u;
        key[1] += 0xBB67AE85u;
    }
    return counter;
}

// [0, 1) on 2^-24 steps: every value is an exact float32.
constexpr float unit_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
// [0, 1) on 2^-53 steps.
constexpr double unit_double(uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; }
// 0 .. bound-1; the bias is below bound / 2^64.
constexpr uint64_t bounded(uint64_t word, uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(word) * bound) >> 64);
}

// One named stream of a seed. All members are pure functions of their arguments.
class RandomStream {
public:
    RandomStream(uint64_t seed, std::string_view name) {
        uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
        for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
        const PhiloxBlock mixed = philox4x32({static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32), 0, 0},
                                             {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
        key_ = {mixed[0], mixed[1]};
    }

    // Four words; step below 2^48.
    PhiloxBlock block(uint64_t step, uint64_t index, uint32_t number = 0) const {
        return philox4x32({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(step),
                           (static_cast<uint32_t>(step >> 32) & 0xffffu) | (number << 16)},
                          key_);
    }

    // The index-th value of a sequence that belongs to a step: four words serve four neighbouring indices.
    uint32_t word(uint64_t step, uint64_t index) const { return block(step, index >> 2)[index & 3]; }
    float uniform(uint64_t step, uint64_t index) const { return unit_float(word(step, index)); }

    // Standard normal (Box-Muller; neighbours 2k and 2k+1 share one pair of words).
    double normal(uint64_t step, uint64_t index) const {
        const PhiloxBlock words = block(step, index >> 1);
        const uint64_t first = words[0] | (uint64_t{words[1]} << 32), second = words[2] | (uint64_t{words[3]} << 32);
        const double radius = std::sqrt(-2.0 * std::log1p(-unit_double(first)));
        const double angle = 2.0 * 3.14159265358979323846 * unit_double(second);
        return radius * ((index & 1) ? std::sin(angle) : std::cos(angle));
    }

    // A uniformly drawn order of 0 .. count-1 (Fisher and Yates).
    std::vector<int64_t> permutation(uint64_t step, int64_t count) const {
        std::vector<int64_t> order(static_cast<size_t>(count));
        for (int64_t i = 0; i < count; ++i) order[static_cast<size_t>(i)] = i;
        for (int64_t i = count - 1; i > 0; --i) {
            const PhiloxBlock words = block(step, static_cast<uint64_t>(i));
            const uint64_t other = bounded(words[0] | (uint64_t{words[1]} << 32), static_cast<uint64_t>(i) + 1);
            std::swap(order[static_cast<size_t>(i)], order[static_cast<size_t>(other)]);
        }
        return order;
    }

private:
    std::array<uint32_t, 2> key_{};
};

// Successive draws of one (seed, stream, step, index): for code that needs several numbers for one picture. At most 2^18 words.
class RandomDraws {
public:
    RandomDraws(const RandomStream& stream, uint64_t step, uint64_t index) : stream_(stream), step_(step), index_(index) {}

    uint32_t word() {
        if (used_ % 4 == 0) {
            require(used_ < (1u << 18), "more than 262144 random words were drawn for one (step, index): use another stream");
            block_ = stream_.block(step_, index_, used_ / 4);
        }
        return block_[used_++ % 4];
    }
    uint64_t word64() {
        const uint64_t low = word();
        return low | (uint64_t{word()} << 32);
    }
    float uniform() { return unit_float(word()); }
    float uniform(float low, float high) { return low + (high - low) * uniform(); }
    bool chance(float probability) { return uniform() < probability; }
    // 0 .. bound-1
    int64_t below(int64_t bound) { return static_cast<int64_t>(bounded(word64(), static_cast<uint64_t>(bound))); }
    // low .. high, both included
    int64_t integer(int64_t low, int64_t high) { return low + below(high - low + 1); }
    double normal() {
        const double radius = std::sqrt(-2.0 * std::log1p(-unit_double(word64())));
        return radius * std::cos(2.0 * 3.14159265358979323846 * unit_double(word64()));
    }

private:
    RandomStream stream_;
    uint64_t step_, index_;
    uint32_t used_ = 0;
    PhiloxBlock block_{};
};

}  // namespace purnet
