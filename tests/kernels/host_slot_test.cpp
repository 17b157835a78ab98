// What a slot has made when its constructor fails in between goes back.
#include "kernels/runtime/host_slot.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

int made = 0, there = 0, fails_at = 0;

void* make() {
    if (++made == fails_at) fail("no more of them");
    ++there;
    return &made;
}
void give_back(void*) { --there; }

}  // namespace

TEST_CASE("host slot: what its constructor made is given back where it fails") {
    const HostSlots before = register_host_slots(DeviceType::cuda, {.allocate = [](size_t) -> void* { return nullptr; },
                                                                    .make_stream = make,
                                                                    .free_stream = give_back,
                                                                    .make_mark = make,
                                                                    .free_mark = give_back});
    for (fails_at = 1; fails_at <= 4; ++fails_at) {
        made = 0;
        if (fails_at <= 3)
            CHECK_THROWS_AS(HostSlot(Device{DeviceType::cuda, 0}), Error);
        else
            HostSlot(Device{DeviceType::cuda, 0});
        CHECK(made == std::min(fails_at, 3));
        CHECK(there == 0);
    }
    register_host_slots(DeviceType::cuda, before);
}

}  // namespace purnet
