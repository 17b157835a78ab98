// The emulator's bodies of kernels/tile/ptx.h: the same functions, in the same order.
#pragma once

#include <cstdint>

#include "tests/emulator/engine/async.h"
#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/matrix.h"
#include "tests/emulator/engine/mutants.h"
#include "tests/emulator/engine/order.h"
#include "tests/emulator/include/cuda_runtime.h"

namespace purnet::ptx {

using emulator::Site;
using emulator::mutants::chosen;

inline uint32_t shared_address(const void* pointer, Site site = {}) { return emulator::shared_offset(pointer, site); }

inline int renewed(int number) { return number; }

inline void barrier_sync(unsigned id, unsigned threads, Site site = {}) {
    if (!chosen("barrier", "deleted", site)) emulator::barrier_sync(id, threads, false, site);
}
inline void barrier_arrive(unsigned id, unsigned threads, Site site = {}) {
    if (!chosen("barrier", "deleted", site)) emulator::barrier_arrive(id, threads, site);
}

inline unsigned load_acquire(const unsigned* flag, Site site = {}) {
    unsigned value;
    if (chosen("fence", "deleted", site))
        emulator::atomic_load(flag, &value, sizeof value, site);
    else
        emulator::load_acquire(flag, &value, sizeof value, emulator::Scope::device, site);
    return value;
}
inline void store_release(unsigned* flag, unsigned value, Site site = {}) {
    if (chosen("fence", "deleted", site))
        emulator::atomic_store(flag, &value, sizeof value, site);
    else
        emulator::store_release(flag, &value, sizeof value, emulator::Scope::device, site);
}
inline void wait_for_flag(const unsigned* flag, unsigned value, Site site = {}) {
    if (!chosen("wait", "deleted", site)) emulator::wait_until("a flag in memory", site, [=] { return emulator::peek(flag) == value; });
    load_acquire(flag, site);
}

inline void wait_for_launches(Site site = {}) {
    if (!chosen("wait", "deleted", site)) emulator::wait_for_launches();
}

inline unsigned copied(unsigned bytes, unsigned source_bytes, Site site) {
    return source_bytes < bytes && chosen("mask", "zeros not wanted", site) ? bytes : source_bytes;
}
inline void copy_async_16(uint32_t shared, const void* global, unsigned source_bytes = 16, Site site = {}) {
    emulator::cp_async(shared, global, 16, copied(16, source_bytes, site), site);
}
inline void copy_async_8(uint32_t shared, const void* global, unsigned source_bytes = 8, Site site = {}) {
    emulator::cp_async(shared, global, 8, copied(8, source_bytes, site), site);
}
inline void copy_async_4(uint32_t shared, const void* global, unsigned source_bytes = 4, Site site = {}) {
    emulator::cp_async(shared, global, 4, copied(4, source_bytes, site), site);
}
inline void copy_async_commit(Site site = {}) {
    if (!chosen("wait", "group not closed", site)) emulator::cp_async_commit();
}
template <int GroupsLeft>
void copy_async_wait(Site site = {}) {
    if (chosen("wait", "deleted", site)) return;
    emulator::cp_async_wait(GroupsLeft + chosen("wait", "one group fewer", site), site);
}

inline void load_matrices(uint32_t (&r)[4], uint32_t row, Site site = {}) { emulator::load_matrices(r, row, false, site); }
inline void load_matrices_transposed(uint32_t (&r)[4], uint32_t row, Site site = {}) { emulator::load_matrices(r, row, true, site); }

inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site = {}) {
    emulator::multiply_bf16(d, a, b, site);
}
inline void mma_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site = {}) {
    emulator::multiply_tf32(d, a, b, site);
}
inline uint32_t to_tf32(float x) {
    const uint32_t u = __float_as_uint(x);
    if ((u & 0x7f800000u) == 0x7f800000u) return u & 0x007fffffu ? 0x7fffffffu : u;
    return (u + 0x1000u) & 0xffffe000u;
}

}  // namespace purnet::ptx
