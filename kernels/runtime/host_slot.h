// Page-locked memory of the host through which values go to a device, and come back, without the host waiting for it.
//
//     HostSlot slot(device);
//     slot.begin(bytes);                           // waits until what went through it before is done
//     slot.send(to, from, n);                      // copied now; on the device before what is launched from here on
//     ... launches ...
//     const void* flag = slot.fetch(from, 4);      // on the device behind those launches
//     slot.end();
//     slot.wait();                                 // now *flag is there
//
// With two slots in turn the host prepares one step while the device computes the one before.
#pragma once

#include <cstddef>

#include "kernels/runtime/device.h"

namespace purnet {

class HostSlot {
public:
    explicit HostSlot(Device device);  // an Error where it has none: the host
    ~HostSlot();
    HostSlot(const HostSlot&) = delete;
    HostSlot& operator=(const HostSlot&) = delete;

    void begin(size_t bytes);  // at most so many until end(), each piece rounded up to `alignment`
    void send(void* to, const void* from, size_t bytes);
    const void* fetch(const void* from, size_t bytes);
    void end();
    void wait();

    static constexpr size_t alignment = 256;

private:
    char* piece(size_t bytes);

    char* memory_ = nullptr;
    size_t size_ = 0, used_ = 0;
    void* mark_ = nullptr;
    bool busy_ = false;  // the device may still read or write it
    bool ended_ = false;
};

// What a device brings for that; the CUDA runtime room registers its own before first use.
struct HostSlots {
    void* (*allocate)(size_t bytes) = nullptr;  // page-locked; null: there is none left
    void (*free)(void*) = nullptr;
    // One side page-locked: behind the launches before it, before those after it, and not finished on return.
    void (*copy)(void* to, const void* from, size_t bytes) = nullptr;
    void* (*make_mark)() = nullptr;
    void (*free_mark)(void*) = nullptr;
    void (*set_mark)(void*) = nullptr;  // behind all that was launched and copied so far
    void (*wait_for)(void*) = nullptr;
};
void register_host_slots(DeviceType type, const HostSlots& slots);

}  // namespace purnet
