#include "kernels/runtime/host_slot.h"

#include <cstring>
#include <utility>

#include "kernels/runtime/error.h"
#include "kernels/runtime/out_of_memory.h"

namespace purnet {
namespace {

HostSlots& cuda_slots() {
    static HostSlots slots;
    return slots;
}

}  // namespace

HostSlots register_host_slots(DeviceType type, const HostSlots& slots) {
    return type == DeviceType::cuda ? std::exchange(cuda_slots(), slots) : HostSlots{};
}

HostSlot::HostSlot(Device device) : device_(device) {
    require(device.type == DeviceType::cuda && cuda_slots().allocate, name_of(device), " computes nothing while the host goes on");
    try {
        stream_ = cuda_slots().make_stream();
        arrived_ = cuda_slots().make_mark();
        mark_ = cuda_slots().make_mark();
    } catch (...) {
        release();
        throw;
    }
}

HostSlot::~HostSlot() {
    try {
        wait();
    } catch (const Error&) {
        // The device is lost, as whoever uses it next will say.
    }
    release();
}

void HostSlot::release() {
    if (memory_) cuda_slots().free(memory_);
    for (void* const mark : {arrived_, mark_})
        if (mark) cuda_slots().free_mark(mark);
    if (stream_) cuda_slots().free_stream(stream_);
}

void HostSlot::begin(size_t bytes) {
    wait();
    used_ = 0;
    sent_.clear();
    if (bytes <= size_) return;
    if (memory_) cuda_slots().free(memory_);
    size_ = 0;
    memory_ = nullptr;
    place_ = {};
    MemoryScope scope("staged batches");
    place_ = Block(device_, bytes);
    memory_ = static_cast<char*>(cuda_slots().allocate(bytes));
    if (!memory_) throw OutOfMemory(concat("out of page-locked memory: ", bytes >> 20, " MiB wanted"));
    // The block may come from somebody whose launches have not ended, and what is sent does not wait for those.
    cuda_slots().set_mark(mark_);
    cuda_slots().wait_for(mark_);
    size_ = bytes;
}

char* HostSlot::piece(size_t bytes) {
    const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    require(used_ + rounded <= size_, "a slot of ", size_, " bytes is full: ", bytes, " more do not fit");
    char* const at = memory_ + used_;
    used_ += rounded;
    busy_ = true;
    return at;
}

void HostSlot::send(void* to, const void* from, size_t bytes) {
    char* const at = piece(bytes);
    std::memcpy(at, from, bytes);
    sent_.push_back({to, static_cast<size_t>(at - memory_), bytes});
}

void HostSlot::deliver() {
    if (sent_.empty()) return;
    // Who read the slot's place on the device last is done: begin() has waited for it.
    char* const place = static_cast<char*>(place_.data());
    cuda_slots().send(place, memory_, used_, stream_, arrived_);
    for (const Sent& one : sent_) cuda_slots().copy(one.to, place + one.offset, one.bytes);
    sent_.clear();
}

const void* HostSlot::fetch(const void* from, size_t bytes) {
    char* const at = piece(bytes);
    cuda_slots().copy(at, from, bytes);
    return at;
}

void HostSlot::end() {
    cuda_slots().set_mark(mark_);
    ended_ = true;
}

void HostSlot::wait() {
    if (!busy_) return;
    if (!ended_) end();  // something was thrown in between
    cuda_slots().wait_for(mark_);
    busy_ = ended_ = false;
}

}  // namespace purnet
