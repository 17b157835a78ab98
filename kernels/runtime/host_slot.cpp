#include "kernels/runtime/host_slot.h"

#include <cstring>

#include "kernels/runtime/error.h"
#include "kernels/runtime/out_of_memory.h"

namespace purnet {
namespace {

HostSlots& cuda_slots() {
    static HostSlots slots;
    return slots;
}

}  // namespace

void register_host_slots(DeviceType type, const HostSlots& slots) {
    if (type == DeviceType::cuda) cuda_slots() = slots;
}

HostSlot::HostSlot(Device device) {
    require(device.type == DeviceType::cuda && cuda_slots().allocate, name_of(device), " computes nothing while the host goes on");
    mark_ = cuda_slots().make_mark();
}

HostSlot::~HostSlot() {
    try {
        wait();
    } catch (const Error&) {
        // The device is lost, as whoever uses it next will say.
    }
    if (memory_) cuda_slots().free(memory_);
    cuda_slots().free_mark(mark_);
}

void HostSlot::begin(size_t bytes) {
    wait();
    used_ = 0;
    if (bytes <= size_) return;
    if (memory_) cuda_slots().free(memory_);
    size_ = 0;
    memory_ = static_cast<char*>(cuda_slots().allocate(bytes));
    if (!memory_) throw OutOfMemory(concat("out of page-locked memory: ", bytes >> 20, " MiB wanted"));
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
    cuda_slots().copy(to, at, bytes);
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
