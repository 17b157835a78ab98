// Fibers: stacks of their own that one operating-system thread switches between, for the threads of a block.
//
// The switch is written by hand for x86-64 and AArch64 (10 to 20 ns; swapcontext would make a system call). Stacks are
// pooled; the page below each is unmapped, so that an overflow stops at once. AddressSanitizer is told of every switch.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace purnet::emulator {

class Fiber {
public:
    Fiber();  // the running thread's own stack: the place to return to
    explicit Fiber(size_t stack_bytes);
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    // Makes the next switch to this fiber call entry(argument) on an empty stack; entry never returns.
    void prepare(void (*entry)(void*), void* argument);

    bool contains(const void* address) const { return address >= stack_ && address < static_cast<const char*>(stack_) + bytes_; }

    // Leaves `from`, which is running, and continues `to`. for_good: nothing will continue `from` where it is.
    static void switch_to(Fiber& from, Fiber& to, bool for_good = false);

private:
    friend void fiber_begin(Fiber* fiber);

    void* saved_ = nullptr;  // stack pointer while it does not run
    void* mapping_ = nullptr;
    void* stack_ = nullptr;
    size_t bytes_ = 0;
    size_t mapped_ = 0;
    void* fake_stack_ = nullptr;  // AddressSanitizer's
    void (*entry_)(void*) = nullptr;
    void* argument_ = nullptr;
};

// Fibers ready for use; grows on demand and keeps what it made.
class FiberPool {
public:
    explicit FiberPool(size_t stack_bytes) : stack_bytes_(stack_bytes) {}
    Fiber* take();
    void give(Fiber* fiber) { free_.push_back(fiber); }
    // After a fault: every fiber is free again, whatever it was doing.
    void reset();

private:
    size_t stack_bytes_;
    std::vector<std::unique_ptr<Fiber>> all_;
    std::vector<Fiber*> free_;
};

}  // namespace purnet::emulator
