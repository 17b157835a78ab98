#include "tests/emulator/engine/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "kernels/runtime/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define PURNET_EMULATOR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PURNET_EMULATOR_ASAN 1
#endif
#endif
#ifdef PURNET_EMULATOR_ASAN
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

// purnet_fiber_switch(void** save, void* load): stores the callee-saved registers on the running stack and its pointer in
// *save, then continues the stack `load`, which holds the same. purnet_fiber_start is where a fresh stack begins.
extern "C" void purnet_fiber_switch(void** save, void* load);
extern "C" void purnet_fiber_start();

#if defined(__x86_64__)
asm(R"(
    .text
    .globl purnet_fiber_switch
    .type purnet_fiber_switch, @function
purnet_fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size purnet_fiber_switch, .-purnet_fiber_switch

    .globl purnet_fiber_start
    .type purnet_fiber_start, @function
purnet_fiber_start:
    movq %r12, %rdi
    pushq $0
    jmp *%r13
    .size purnet_fiber_start, .-purnet_fiber_start
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .globl purnet_fiber_switch
    .type purnet_fiber_switch, %function
purnet_fiber_switch:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
    .size purnet_fiber_switch, .-purnet_fiber_switch

    .globl purnet_fiber_start
    .type purnet_fiber_start, %function
purnet_fiber_start:
    mov x0, x19
    mov x29, xzr
    mov x30, xzr
    br x20
    .size purnet_fiber_start, .-purnet_fiber_start
)");
#else
#error "the emulator's fibers need x86-64 or AArch64"
#endif

namespace purnet::emulator {

// The first frame of every fiber: tells AddressSanitizer that the switch is over, then runs the entry.
void fiber_begin(Fiber* fiber) {
#ifdef PURNET_EMULATOR_ASAN
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
    fiber->entry_(fiber->argument_);
    std::abort();  // entries never return
}

Fiber::Fiber() {
#ifdef PURNET_EMULATOR_ASAN
    pthread_attr_t attributes;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &stack_, &bytes_);
    pthread_attr_destroy(&attributes);
#endif
}

Fiber::Fiber(size_t stack_bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (stack_bytes + page - 1) / page * page;
    mapped_ = bytes_ + page;
    mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(mapping_ != MAP_FAILED, "the emulator found no memory for a fiber stack of ", bytes_, " bytes");
    require(mprotect(mapping_, page, PROT_NONE) == 0, "the emulator could not protect the page below a fiber stack");
    stack_ = static_cast<char*>(mapping_) + page;
}

Fiber::~Fiber() {
    if (mapping_) munmap(mapping_, mapped_);
}

void Fiber::prepare(void (*entry)(void*), void* argument) {
    entry_ = entry;
    argument_ = argument;
    fake_stack_ = nullptr;
#ifdef PURNET_EMULATOR_ASAN
    __asan_unpoison_memory_region(stack_, bytes_);  // frames that a fault left behind
#endif
    auto* top = reinterpret_cast<uint64_t*>(static_cast<char*>(stack_) + bytes_);
    const auto begin = reinterpret_cast<uint64_t>(static_cast<void (*)(Fiber*)>(fiber_begin));
    const auto start = reinterpret_cast<uint64_t>(purnet_fiber_start);
#if defined(__x86_64__)
    top -= 2;
    *--top = start;                             // popped by ret
    *--top = 0;                                 // rbp: the end of the chain of frames
    *--top = 0;                                 // rbx
    *--top = reinterpret_cast<uint64_t>(this);  // r12
    *--top = begin;                             // r13
    *--top = 0;                                 // r14
    *--top = 0;                                 // r15
#elif defined(__aarch64__)
    top -= 20;
    for (int i = 0; i < 20; ++i) top[i] = 0;
    top[0] = reinterpret_cast<uint64_t>(this);  // x19
    top[1] = begin;                             // x20
    top[11] = start;                            // x30
#endif
    saved_ = top;
}

void Fiber::switch_to(Fiber& from, Fiber& to, [[maybe_unused]] bool for_good) {
#ifdef PURNET_EMULATOR_ASAN
    __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake_stack_, to.stack_, to.bytes_);
#endif
    purnet_fiber_switch(&from.saved_, to.saved_);
#ifdef PURNET_EMULATOR_ASAN
    __sanitizer_finish_switch_fiber(from.fake_stack_, nullptr, nullptr);
#endif
}

Fiber* FiberPool::take() {
    if (free_.empty()) {
        all_.push_back(std::make_unique<Fiber>(stack_bytes_));
        return all_.back().get();
    }
    Fiber* fiber = free_.back();
    free_.pop_back();
    return fiber;
}

void FiberPool::reset() {
    free_.clear();
    for (auto& fiber : all_) free_.push_back(fiber.get());
}

}  // namespace purnet::emulator
