// The emulator's bodies of kernels/tile/ptx_sm90.h: the same functions, in the same order.
#pragma once

#include <cuda.h>

#include "kernels/tile/ptx.h"
#include "tests/emulator/engine/copy_engine.h"
#include "tests/emulator/engine/mbarrier.h"
#include "tests/emulator/engine/warpgroup.h"

namespace purnet::ptx {

inline constexpr bool sm90a = true;

inline void mbarrier_init(uint32_t barrier, unsigned arrivals, Site site = {}) {
    emulator::mbarrier_init(barrier, arrivals + chosen("wait", "for one arrival more", site), site);
}
inline void fence_mbarrier_init(Site site = {}) {
    if (!chosen("fence", "deleted", site)) emulator::fence_mbarrier_init();
}
inline void mbarrier_invalidate(uint32_t barrier, Site site = {}) { emulator::mbarrier_invalidate(barrier, site); }
inline void mbarrier_arrive(uint32_t barrier, Site site = {}) {
    if (!chosen("wait", "no arrival", site)) emulator::mbarrier_arrive(barrier, 0, site);
}
inline void mbarrier_arrive_expect(uint32_t barrier, unsigned bytes, Site site = {}) {
    if (chosen("wait", "no arrival", site)) return;
    emulator::mbarrier_arrive(barrier, bytes - (chosen("wait", "for 16 bytes fewer", site) ? 16 : 0), site);
}
inline void mbarrier_wait(uint32_t barrier, unsigned parity, Site site = {}) {
    if (chosen("wait", "deleted", site)) return;
    emulator::mbarrier_wait(barrier, parity ^ unsigned{chosen("wait", "for the other parity", site)}, site);
}

inline void fence_async_proxy(Site site = {}) {
    if (!chosen("fence", "deleted", site)) emulator::fence_async_proxy();
}

inline void copy_box(uint32_t to, const CUtensorMap* map, uint32_t barrier, int x0, int x1, Site site = {}) {
    emulator::copy_box(to, *map, barrier, {x0, x1}, site);
}
inline void copy_box(uint32_t to, const CUtensorMap* map, uint32_t barrier, int x0, int x1, int x2, Site site = {}) {
    emulator::copy_box(to, *map, barrier, {x0, x1, x2}, site);
}
inline void copy_pixels(uint32_t to, const CUtensorMap* map, uint32_t barrier, int c, int w, int h, int n, int by_w, int by_h,
                        Site site = {}) {
    emulator::copy_pixels(to, *map, barrier, {c, w, h, n}, by_w, by_h, site);
}
inline void prefetch_map(const CUtensorMap* map, Site site = {}) { emulator::check_map(*map, site); }

inline void wgmma_fence(Site site = {}) {
    if (!chosen("fence", "deleted", site)) emulator::wgmma_fence(site);
}
inline void wgmma_commit(Site site = {}) {
    if (!chosen("wait", "group not closed", site)) emulator::wgmma_commit(site);
}
template <int GroupsLeft, int N>
void wgmma_wait(float (&)[N], Site site = {}) {
    if (chosen("wait", "deleted", site)) return;
    emulator::wgmma_wait(GroupsLeft + chosen("wait", "one group fewer", site), site);
}
template <bool AAcross = false, bool BAcross = false, int N>
void wgmma_bf16(float (&d)[N], uint64_t a, uint64_t b, bool accumulate, Site site = {}) {
    static_assert(N == 32 || N == 64);
    emulator::wgmma_bf16(d, 2 * N, a, b, AAcross, BAcross, accumulate, site);
}

template <int Registers>
void give_registers_back(Site site = {}) {
    static_assert(Registers % 8 == 0 && Registers >= 24 && Registers <= 256);
    emulator::change_registers(Registers, false, site);
}
template <int Registers>
void take_registers(Site site = {}) {
    static_assert(Registers % 8 == 0 && Registers >= 24 && Registers <= 256);
    emulator::change_registers(Registers, true, site);
}

}  // namespace purnet::ptx
