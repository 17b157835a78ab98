// Memory that emulated kernels see: every tensor and every shared array is a heap block of exactly its size, filled with
// NaN bytes, so that AddressSanitizer stops at the first byte beyond it. Under the monitor it is memory that the monitor watches.
#pragma once

#include <cstddef>

namespace purnet::emulator {

void* allocate_exact(size_t bytes, size_t align, bool shared = false);
void free_exact(void* memory);

// The device allocation that holds [address, address + bytes), from cudaMalloc: true where there is one.
void* device_allocate(size_t bytes);  // null when the device's memory (memory_limit) is used up
bool device_free(void* memory);       // false: not the start of an allocation
bool is_device_range(const void* address, size_t bytes);
bool is_device_memory(const void* address);

// Bytes that device_allocate hands out at most, so that out-of-memory paths can be tested.
size_t& memory_limit();
size_t device_memory_used();
// Bytes that one cudaMallocHost gets at most.
size_t& page_locked_limit();

}  // namespace purnet::emulator
