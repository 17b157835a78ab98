#include "kernels/bce/bce.h"

#include "kernels/bce/bce_simd.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"

namespace purnet::bce {
namespace {

Partition blocks_of(int64_t count) { return partition(count, 4096); }

void forward(const Problem& p, const float* z, const float* g, const float* ze, float* loss, float* dz, float* dze, void* workspace,
             const Context&) {
    auto* partial = static_cast<double*>(workspace);
    const Partition blocks = blocks_of(p.count);
    const auto of = PURNET_PICK(range);
    const auto scale = static_cast<float>(1 / static_cast<double>(p.count));
    for_blocks(blocks, [&](int64_t block, int64_t begin, int64_t end) {
        partial[block] = of(p.weight, p.clamp, scale, z + begin, g + begin, ze ? ze + begin : nullptr, dz ? dz + begin : nullptr,
                            dze ? dze + begin : nullptr, end - begin);
    });
    double sum = 0;
    for (int64_t b = 0; b < blocks.blocks; ++b) sum += partial[b];
    *loss = static_cast<float>(sum / static_cast<double>(p.count));
}

}  // namespace

size_t workspace_bytes(int64_t count) {
    return static_cast<size_t>(std::max(blocks_of(count).blocks, grid_blocks(count))) * sizeof(double);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("bce", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>}}});
    return kernels;
}

}  // namespace purnet::bce
