#include "kernels/reduce/reduce.h"

#include <algorithm>

#include "kernels/reduce/sums.h"
#include "kernels/reduce/sums_simd.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"

namespace purnet::reduce {
namespace {

double in_blocks(int64_t count, const float* a, const float* b, void* workspace) {
    auto* partial = static_cast<double*>(workspace);
    const Partition blocks = partition_rows(count, 1);
    const auto of = PURNET_PICK(total);
    for_blocks(blocks,
               [&](int64_t block, int64_t begin, int64_t end) { partial[block] = of(a + begin, b ? b + begin : nullptr, end - begin); });
    double sum = 0;
    for (int64_t i = 0; i < blocks.blocks; ++i) sum += partial[i];
    return sum;
}

void sum(int64_t count, double scale, const float* x, float* y, void* workspace, const Context&) {
    *y = static_cast<float>(scale * in_blocks(count, x, nullptr, workspace));
}

void spread(int64_t count, double scale, const float* dy, float* dx, const Context&) {
    const float value = static_cast<float>(scale * static_cast<double>(*dy));
    parallel_for(count, 65536, [&](int64_t begin, int64_t end) { std::fill(dx + begin, dx + end, value); });
}

void squared_norm(int64_t count, const float* x, float* y, void* workspace, const Context&) {
    *y = static_cast<float>(in_blocks(count, x, x, workspace));
}

void all_finite(int64_t count, const void* x, int32_t* flag, void* workspace, const Context&) {
    auto* partial = static_cast<double*>(workspace);
    const Partition blocks = partition_rows(count, 1);
    const auto of = PURNET_PICK(all_finite);
    for_blocks(blocks, [&](int64_t block, int64_t begin, int64_t end) {
        partial[block] = of(static_cast<const float*>(x) + begin, end - begin) ? 0 : 1;
    });
    *flag = 1;
    for (int64_t i = 0; i < blocks.blocks; ++i)
        if (partial[i] != 0) *flag = 0;
}

void add_scalars(int64_t count, const void* const* values, void* y, const Context&) {
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(*static_cast<const float*>(values[i]));
    *static_cast<float*>(y) = static_cast<float>(sum);
}

}  // namespace

Sums sums() { return {PURNET_PICK(channel_sums), PURNET_PICK(total)}; }

size_t workspace_bytes(int64_t count) {
    return static_cast<size_t>(std::max(partition_rows(count, 1).blocks, grid_blocks(count))) * sizeof(double);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("reduce", {{{DeviceType::cpu, DType::f32},
                                              {.sum = erase<sum>,
                                               .spread = erase<spread>,
                                               .squared_norm = erase<squared_norm>,
                                               .all_finite = all_finite,
                                               .add_scalars = add_scalars}}});
    return kernels;
}

}  // namespace purnet::reduce
