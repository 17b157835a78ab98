#include "kernels/error_loss/error_loss.h"

#include "kernels/error_loss/error_loss_simd.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"

namespace purnet::error_loss {
namespace {

Partition blocks_of(int64_t count) { return partition(count, 4096); }

// The mean over count of what sum_of(begin, end) returns for the blocks.
template <class Sum>
float mean(int64_t count, void* workspace, Sum&& sum_of) {
    auto* partial = static_cast<double*>(workspace);
    const Partition blocks = blocks_of(count);
    for_blocks(blocks, [&](int64_t block, int64_t begin, int64_t end) { partial[block] = sum_of(begin, end); });
    double sum = 0;
    for (int64_t b = 0; b < blocks.blocks; ++b) sum += partial[b];
    return static_cast<float>(sum / static_cast<double>(count));
}

void forward(const Problem& p, const float* ze, const float* zo, const float* g, float* loss, float* dze, void* workspace, const Context&) {
    const auto of = PURNET_PICK(range);
    const auto scale = static_cast<float>(1 / static_cast<double>(p.count));
    *loss = mean(p.count, workspace, [&](int64_t begin, int64_t end) {
        return of(p.form, scale, ze + begin, zo + begin, g + begin, dze ? dze + begin : nullptr, end - begin);
    });
}

void entropy(int64_t count, const float* zo, const float* g, float* result, void* workspace, const Context&) {
    const auto of = PURNET_PICK(entropy_range);
    *result = mean(count, workspace, [&](int64_t begin, int64_t end) { return of(zo + begin, g + begin, end - begin); });
}

}  // namespace

size_t workspace_bytes(int64_t count) {
    return static_cast<size_t>(std::max(blocks_of(count).blocks, grid_blocks(count))) * sizeof(double);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("error_loss", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>, .entropy = erase<entropy>}}});
    return kernels;
}

}  // namespace purnet::error_loss
