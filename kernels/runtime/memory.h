// The one caching allocator per device.
//
// Blocks are 256-byte aligned and kept for reuse when freed, by size classes, or, on the host and from 2 MiB on, in one arena
// (kernels/runtime/arena.h); what is kept goes back to the system when sizes change or memory runs out.
// Counters are kept by named scope ("activations", "gradients", ...); memory_table() gives them as a line, and so does the Error
// of an allocation that the system refuses. PURNET_MEMORY_DEBUG=1 allocates exact-size blocks, each followed by a guard zone that
// is checked when the block is freed, and fills new blocks with NaN; PURNET_MEMORY_DEBUG=exact leaves the guard zone out, for
// sanitizers that watch the block's end themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "kernels/runtime/device.h"

namespace purnet {

class Block {
public:
    Block() = default;
    Block(Device device, size_t bytes);
    ~Block();
    Block(Block&& other) noexcept;
    Block& operator=(Block&& other) noexcept;
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    // Host memory of somebody else, who keeps it for as long as the block and what it is moved to: only to be read, and counted nowhere.
    static Block borrowed(const void* data, size_t bytes);

    void* data() const { return data_; }
    size_t bytes() const { return bytes_; }
    // Nothing but zeros until somebody writes to it: memory that comes straight from the system, whose pages do not exist before that.
    bool zero() const { return zero_; }
    Device device() const { return device_; }

private:
    void release() noexcept;

    void* data_ = nullptr;
    size_t bytes_ = 0;
    Device device_;
    int scope_ = 0;
    bool zero_ = false, borrowed_ = false;
};

// While alive, allocations of this thread are counted under `name` (a string literal).
class MemoryScope {
public:
    explicit MemoryScope(const char* name);
    ~MemoryScope();
    MemoryScope(const MemoryScope&) = delete;
    MemoryScope& operator=(const MemoryScope&) = delete;

private:
    int previous_;
};

struct MemoryUse {
    size_t live = 0;    // bytes in blocks handed out
    size_t peak = 0;    // the largest `live` so far
    size_t cached = 0;  // bytes kept for reuse
};

MemoryUse memory_use(DeviceType type);
std::string memory_table(DeviceType type);

// Raw memory of a device other than the host; the CUDA runtime room registers its own before first use.
struct RawMemory {
    std::function<void*(size_t bytes)> allocate;  // null when there is none left
    std::function<void(void*, size_t bytes)> free;
    std::function<void(void* to, const void* from, size_t bytes)> copy;  // any direction, finished on return
    std::function<void(void* to, int byte, size_t bytes)> fill;
};
void register_raw_memory(DeviceType type, RawMemory memory);

// Gives back to the system what is kept for reuse.
void release_cached_memory(DeviceType type);

// Copies between any two devices; finished on return.
void copy_bytes(void* to, Device to_device, const void* from, Device from_device, size_t bytes);
void fill_bytes(void* to, Device device, int byte, size_t bytes);

}  // namespace purnet
