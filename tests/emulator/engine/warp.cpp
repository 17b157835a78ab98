// What the last lane to arrive at a warp collective computes for all.
#include <cstdio>

#include "tests/emulator/include/emulated/sync.h"

namespace purnet::emulator {

void complete_nothing(void* const*, uint32_t) {}

// PTX shfl.sync: segments of `width` lanes; a source outside the segment leaves a lane its own value. xor may also read an
// earlier segment.
int shuffle_source(int width, int lane, char kind, unsigned operand, Site site) {
    if (width < 1 || width > 32 || (width & (width - 1)) != 0)
        raise_at(FaultKind::wrong_mask, site, concat("a shuffle width of ", width, ": powers of two from 1 to 32 exist"));
    const int first = lane & ~(width - 1), last = first + width - 1;
    const int amount = static_cast<int>(operand & 31u);
    switch (kind) {
        case 'i': return first + (static_cast<int>(operand) & (width - 1));
        case 'u': return lane - amount < first ? -1 : lane - amount;
        case 'd': return lane + amount > last ? -1 : lane + amount;
        default: return (lane ^ amount) > last ? -1 : lane ^ amount;
    }
}

void complete_shuffle(void* const* lanes, uint32_t here) {
    for (int lane = 0; lane < 32; ++lane) {
        if (!(here >> lane & 1)) continue;
        LaneValue& own = lane_value(lanes[lane]);
        if (own.source < 0) {
            own.result = own.bits;
            continue;
        }
        if (!(here >> own.source & 1)) {
            char text[120];
            std::snprintf(text, sizeof text, "lane %d reads lane %d in a shuffle, which takes no part (lanes %08x)", lane, own.source,
                          here);
            raise_at(FaultKind::wrong_mask, own.site, text);
        }
        own.result = lane_value(lanes[own.source]).bits;
    }
}

void complete_ballot(void* const* lanes, uint32_t here) {
    uint32_t result = 0;
    for (int lane = 0; lane < 32; ++lane)
        if (here >> lane & 1 && lane_value(lanes[lane]).predicate) result |= 1u << lane;
    for (int lane = 0; lane < 32; ++lane)
        if (here >> lane & 1) lane_value(lanes[lane]).result = result;
}

void complete_match(void* const* lanes, uint32_t here) {
    for (int lane = 0; lane < 32; ++lane) {
        if (!(here >> lane & 1)) continue;
        LaneValue& own = lane_value(lanes[lane]);
        own.result = 0;
        for (int other = 0; other < 32; ++other)
            if (here >> other & 1 && lane_value(lanes[other]).bits == own.bits) own.result |= 1u << other;
    }
}

}  // namespace purnet::emulator
