// Device memory for the emulator's own tests.
#pragma once

#include <vector>

#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/memory.h"

namespace purnet::test {

template <class T>
class DeviceArray {
public:
    explicit DeviceArray(size_t count) : count_(count), data_(static_cast<T*>(emulator::device_allocate(count * sizeof(T)))) {}
    explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
        for (size_t i = 0; i < count_; ++i) data_[i] = values[i];
    }
    ~DeviceArray() { emulator::device_free(data_); }
    DeviceArray(const DeviceArray&) = delete;
    DeviceArray& operator=(const DeviceArray&) = delete;

    T* get() const { return data_; }
    T operator[](size_t i) const { return data_[i]; }
    size_t size() const { return count_; }

private:
    size_t count_;
    T* data_;
};

// Runs body() under every kind of schedule; the seed of a failure is in the message of its CAPTURE.
template <class Body>
void for_each_schedule(Body&& body) {
    using emulator::Schedule;
    const Schedule before = emulator::schedule();
    for (const Schedule& s : {Schedule{Schedule::forward, 0, 1}, Schedule{Schedule::reverse, 0, 1}, Schedule{Schedule::forward, 0, 3},
                              Schedule{Schedule::shuffled, 1, 1}, Schedule{Schedule::shuffled, 2, 3}, Schedule{Schedule::shuffled, 3, 8}}) {
        emulator::schedule() = s;
        body(s);
    }
    emulator::schedule() = before;
}

// The kind of the Fault that body() ends with, and its text; "" where it ends well.
struct Caught {
    bool any = false;
    emulator::FaultKind kind{};
    std::string text;
};
template <class Body>
Caught caught(Body&& body) {
    try {
        body();
    } catch (const emulator::Fault& fault) {
        return {true, fault.kind(), fault.what()};
    }
    return {};
}

}  // namespace purnet::test
