#include "kernels/runtime/memory.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "core/tensor.h"

namespace purnet {
namespace {

bool all_zero(const Block& block) {
    const auto* bytes = static_cast<const char*>(block.data());
    return std::all_of(bytes, bytes + block.bytes(), [](char c) { return c == 0; });
}

}  // namespace

TEST_CASE("memory: large blocks come as zeros from the system, and as they are from the cache") {
    constexpr size_t bytes = (size_t{37} << 20) + 12345;
    release_cached_memory(DeviceType::cpu);
    CHECK(memory_use(DeviceType::cpu).cached == 0);
    void* first = nullptr;
    {
        Block block(Device{}, bytes);
        first = block.data();
        CHECK(reinterpret_cast<uintptr_t>(first) % (size_t{2} << 20) == 0);
        CHECK(block.zero());
        CHECK(all_zero(block));
        Block moved = std::move(block);
        CHECK(moved.zero());
        CHECK(!block.zero());
        fill_bytes(moved.data(), Device{}, 0x55, bytes);
    }
    CHECK(memory_use(DeviceType::cpu).cached >= bytes);
    {
        const Block again(Device{}, bytes);
        CHECK(again.data() == first);
        CHECK(!again.zero());
    }
    const Tensor zeros = Tensor::zeros({37, 1 << 18}, DType::f32);
    const std::vector<float> values = zeros.to_floats();
    CHECK(std::count(values.begin(), values.end(), 0.0f) == zeros.shape().count());
    release_cached_memory(DeviceType::cpu);
    CHECK(memory_use(DeviceType::cpu).cached == 0);
    CHECK(!Block(Device{}, 1000).zero());
}

}  // namespace purnet
