// Barriers, fences and warp collectives. Each takes the place of its call as a defaulted argument.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/mutants.h"
#include "tests/emulator/engine/order.h"

using PurnetSite = purnet::emulator::Site;

namespace purnet::emulator {

inline BarrierResult block_barrier(bool predicate, Site site) {
    if (mutants::chosen("barrier", "deleted", site)) return {predicate, 1};
    return barrier_sync(0, 0, predicate, site);
}

inline void memory_fence(Scope scope, Site site) {
    if (mutants::chosen("fence", "deleted", site)) return;
    fence(scope == Scope::device && mutants::chosen("fence", "for the block alone", site) ? Scope::block : scope);
}

}  // namespace purnet::emulator

inline void __syncthreads(PurnetSite site = {}) { purnet::emulator::block_barrier(false, site); }
inline int __syncthreads_count(int predicate, PurnetSite site = {}) {
    return static_cast<int>(purnet::emulator::block_barrier(predicate != 0, site).count);
}
inline int __syncthreads_and(int predicate, PurnetSite site = {}) {
    const auto result = purnet::emulator::block_barrier(predicate != 0, site);
    return result.count == result.total;
}
inline int __syncthreads_or(int predicate, PurnetSite site = {}) {
    return purnet::emulator::block_barrier(predicate != 0, site).count != 0;
}

inline void __threadfence(PurnetSite site = {}) { purnet::emulator::memory_fence(purnet::emulator::Scope::device, site); }
inline void __threadfence_block(PurnetSite site = {}) { purnet::emulator::memory_fence(purnet::emulator::Scope::block, site); }
inline void __threadfence_system(PurnetSite site = {}) { purnet::emulator::memory_fence(purnet::emulator::Scope::device, site); }

namespace purnet::emulator {

// What a lane brings to a collective that moves one value: lives on the lane's stack while it waits.
struct LaneValue {
    uint64_t bits = 0;
    uint64_t result = 0;
    int source = 0;  // the lane it reads, -1: keeps its own value
    bool predicate = false;
    Site site{nullptr, 0};
};

inline LaneValue& lane_value(void* argument) { return *static_cast<LaneValue*>(argument); }

// The mask a collective is called with.
inline unsigned mask_at(unsigned mask, Site site) {
    return mutants::chosen("mask", "without its highest lane", site) ? mask & ~std::bit_floor(mask) : mask;
}

template <class T>
uint64_t to_bits(T value) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
    uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
}
template <class T>
T from_bits(uint64_t bits) {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
}

void complete_shuffle(void* const* lanes, uint32_t here);
void complete_ballot(void* const* lanes, uint32_t here);
void complete_match(void* const* lanes, uint32_t here);
void complete_nothing(void* const* lanes, uint32_t here);
int shuffle_source(int width, int lane, char kind, unsigned operand, Site site);

template <class T>
T shuffle(const char* name, char kind, unsigned mask, T value, unsigned operand, int width, Site site) {
    if (mutants::chosen("collective", "deleted", site)) return value;
    LaneValue own{to_bits(value), 0, shuffle_source(width, current->lane, kind, operand, site), false, site};
    meet(name, mask_at(mask, site), &own, complete_shuffle, false, site);
    return from_bits<T>(own.result);
}

inline uint32_t ballot(const char* name, unsigned mask, bool predicate, Site site) {
    LaneValue own{0, 0, 0, predicate, site};
    if (mutants::chosen("collective", "deleted", site)) return predicate ? 1u << current->lane : 0u;
    meet(name, mask_at(mask, site), &own, complete_ballot, false, site);
    return static_cast<uint32_t>(own.result);
}

// f is associative and commutative on integers.
template <class T, class F>
T reduce(const char* name, unsigned mask, T value, Site site, F) {
    LaneValue own{to_bits(value), 0, 0, false, site};
    if (mutants::chosen("collective", "deleted", site)) return value;
    meet(
        name, mask_at(mask, site), &own,
        [](void* const* lanes, uint32_t here) {
            bool first = true;
            T total{};
            for (int lane = 0; lane < 32; ++lane)
                if (here >> lane & 1) {
                    const T one = from_bits<T>(lane_value(lanes[lane]).bits);
                    total = first ? one : F{}(total, one);
                    first = false;
                }
            for (int lane = 0; lane < 32; ++lane)
                if (here >> lane & 1) lane_value(lanes[lane]).result = to_bits(total);
        },
        false, site);
    return from_bits<T>(own.result);
}

}  // namespace purnet::emulator

inline void __syncwarp(unsigned mask = 0xffffffffu, PurnetSite site = {}) {
    if (purnet::emulator::mutants::chosen("barrier", "deleted", site)) return;
    purnet::emulator::meet("__syncwarp", purnet::emulator::mask_at(mask, site), nullptr, purnet::emulator::complete_nothing, true, site);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, PurnetSite site = {}) {
    return purnet::emulator::shuffle("__shfl_sync", 'i', mask, value, static_cast<unsigned>(source), width, site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, PurnetSite site = {}) {
    return purnet::emulator::shuffle("__shfl_up_sync", 'u', mask, value, delta, width, site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, PurnetSite site = {}) {
    return purnet::emulator::shuffle("__shfl_down_sync", 'd', mask, value, delta, width, site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, PurnetSite site = {}) {
    return purnet::emulator::shuffle("__shfl_xor_sync", 'x', mask, value, static_cast<unsigned>(lanes), width, site);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, PurnetSite site = {}) {
    return purnet::emulator::ballot("__ballot_sync", mask, predicate != 0, site);
}
inline int __any_sync(unsigned mask, int predicate, PurnetSite site = {}) {
    return purnet::emulator::ballot("__any_sync", mask, predicate != 0, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate, PurnetSite site = {}) {
    return purnet::emulator::ballot("__all_sync", mask, predicate == 0, site) == 0;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value, PurnetSite site = {}) {
    purnet::emulator::LaneValue own{purnet::emulator::to_bits(value), 0, 0, false, site};
    if (purnet::emulator::mutants::chosen("collective", "deleted", site)) return 1u << purnet::emulator::current->lane;
    purnet::emulator::meet("__match_any_sync", purnet::emulator::mask_at(mask, site), &own, purnet::emulator::complete_match, false, site);
    return static_cast<unsigned>(own.result);
}

#define PURNET_REDUCE_SYNC(name, T, expression)                                                              \
    inline T name(unsigned mask, T value, PurnetSite site = {}) {                                            \
        return purnet::emulator::reduce(#name, mask, value, site, [](T a, T b) -> T { return expression; }); \
    }
PURNET_REDUCE_SYNC(__reduce_add_sync, unsigned, a + b)
PURNET_REDUCE_SYNC(__reduce_min_sync, unsigned, (a < b ? a : b))
PURNET_REDUCE_SYNC(__reduce_max_sync, unsigned, (a < b ? b : a))
PURNET_REDUCE_SYNC(__reduce_and_sync, unsigned, (a & b))
PURNET_REDUCE_SYNC(__reduce_or_sync, unsigned, (a | b))
PURNET_REDUCE_SYNC(__reduce_xor_sync, unsigned, (a ^ b))
PURNET_REDUCE_SYNC(__reduce_add_sync, int, static_cast<int>(static_cast<unsigned>(a) + static_cast<unsigned>(b)))
PURNET_REDUCE_SYNC(__reduce_min_sync, int, (a < b ? a : b))
PURNET_REDUCE_SYNC(__reduce_max_sync, int, (a < b ? b : a))
#undef PURNET_REDUCE_SYNC
