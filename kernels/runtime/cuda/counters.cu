#include "kernels/runtime/cuda/counters.h"

#include <map>
#include <mutex>

#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/scope.h"

namespace purnet::cuda {
namespace {

constexpr int ring_size = 1 << 20;

struct Ring {
    Block memory;
    int next = 0;
};

}  // namespace

unsigned* counters(int count) {
    static std::mutex mutex;
    static auto* rings = new std::map<int, Ring>;
    if (count <= 0 || count > ring_size / 16) {
        const std::string scope = scope_text();
        fail(scope, scope.empty() ? "" : ": ", "a launch asks for ", count, " counters, 1 to ", ring_size / 16,
             " can be had: use a smaller batch");
    }
    enter_device();
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    std::lock_guard lock(mutex);
    Ring& ring = (*rings)[device];
    if (!ring.memory.data()) {
        const Device owner{DeviceType::cuda, device};
        ring.memory = Block(owner, ring_size * sizeof(unsigned));
        fill_bytes(ring.memory.data(), owner, 0, ring_size * sizeof(unsigned));
    }
    if (ring.next + count > ring_size) ring.next = 0;
    unsigned* first = static_cast<unsigned*>(ring.memory.data()) + ring.next;
    ring.next += count;
    return first;
}

}  // namespace purnet::cuda
