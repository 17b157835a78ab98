// Page-locked memory of the host through which values go to a device, and come back, without the host waiting for it.
//
//     HostSlot slot(device);
//     slot.begin(bytes);                           // waits until what went through it before is done
//     slot.send(to, from, n);                      // copied now
//     slot.deliver();                              // there before what is launched from here on
//     ... launches ...
//     const void* flag = slot.fetch(from, 4);      // on the device behind those launches
//     slot.end();
//     slot.wait();                                 // now *flag is there
//
// With two slots in turn the host prepares one step while the device computes the one before, and what is sent crosses the bus meanwhile:
// on a stream of its own it comes to a place of the slot on the device, and from there, behind what was launched before, to where it
// belongs. What repeated launches read (launch_graph.h) has one address: the alternative to that second copy is to record everything twice,
// once for each of two places. A batch of 8 pictures of 320 x 320 that the step augments is 5 MB, read and written in about 3 us of a step
// of many milliseconds; a second graph costs that much memory for its thousand launches and a recording for every size of batch.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/runtime/device.h"
#include "kernels/runtime/memory.h"

namespace purnet {

class HostSlot {
public:
    explicit HostSlot(Device device);  // an Error where it has none: the host
    ~HostSlot();
    HostSlot(const HostSlot&) = delete;
    HostSlot& operator=(const HostSlot&) = delete;

    void begin(size_t bytes);  // at most so many until end(), each piece rounded up to `alignment`
    void send(void* to, const void* from, size_t bytes);
    void deliver();
    const void* fetch(const void* from, size_t bytes);
    void end();
    void wait();

    static constexpr size_t alignment = 256;

private:
    struct Sent {
        void* to;
        size_t offset, bytes;
    };
    char* piece(size_t bytes);
    void release();  // what the constructor and begin() have made

    Device device_;
    char* memory_ = nullptr;
    Block place_;  // on the device, as large
    size_t size_ = 0, used_ = 0;
    std::vector<Sent> sent_;
    void* stream_ = nullptr;  // of what is sent
    void *arrived_ = nullptr, *mark_ = nullptr;
    bool busy_ = false;  // the device may still read or write it
    bool ended_ = false;
};

// What a device brings for that; the CUDA runtime room registers its own before first use.
struct HostSlots {
    void* (*allocate)(size_t bytes) = nullptr;  // page-locked; null: there is none left
    void (*free)(void*) = nullptr;
    // Within the device or to page-locked memory: behind the launches before it, before those after it, and not finished on return.
    void (*copy)(void* to, const void* from, size_t bytes) = nullptr;
    // From page-locked memory to the device: beside the launches before it, before those after it, which wait by the mark.
    void (*send)(void* to, const void* from, size_t bytes, void* stream, void* mark) = nullptr;
    void* (*make_stream)() = nullptr;
    void (*free_stream)(void*) = nullptr;
    void* (*make_mark)() = nullptr;
    void (*free_mark)(void*) = nullptr;
    void (*set_mark)(void*) = nullptr;  // behind all that was launched and copied so far
    void (*wait_for)(void*) = nullptr;
};
HostSlots register_host_slots(DeviceType type, const HostSlots& slots);  // returns those before

}  // namespace purnet
