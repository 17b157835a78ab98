#include "kernels/activation/activation.h"

#include "kernels/activation/activation_simd.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"

namespace purnet {

const char* name_of(Activation activation) {
    switch (activation) {
        case Activation::none: return "none";
        case Activation::relu: return "relu";
        case Activation::relu6: return "relu6";
        case Activation::prelu: return "prelu";
        case Activation::sigmoid: return "sigmoid";
        case Activation::tanh: return "tanh";
    }
    return "?";
}

namespace activation {
namespace {

Partition blocks_of(const Problem& p) { return partition_rows(p.count, 1); }

void forward(const Problem& p, const float* x, const float* slope, float* y, const Context&) {
    const auto range = PURNET_PICK(forward_range);
    const float s = slope ? *slope : 0.0f;
    parallel_for(p.count, 16384, [&](int64_t begin, int64_t end) { range(p.function, x + begin, s, y + begin, end - begin); });
}

void backward(const Problem& p, const float* saved, const float* slope, const float* dy, float* dx, float* dslope, void* workspace,
              const Context&) {
    const auto range = PURNET_PICK(backward_range);
    const float s = slope ? *slope : 0.0f;
    auto* partial = static_cast<double*>(workspace);
    const Partition blocks = blocks_of(p);
    for_blocks(blocks, [&](int64_t block, int64_t begin, int64_t end) {
        partial[block] = range(p.function, saved + begin, s, dy + begin, dx ? dx + begin : nullptr, end - begin);
    });
    if (!dslope) return;
    double sum = 0;
    for (int64_t b = 0; b < blocks.blocks; ++b) sum += partial[b];
    *dslope = static_cast<float>(sum);
}

}  // namespace

size_t workspace_bytes(const Problem& p) {
    return static_cast<size_t>(std::max(blocks_of(p).blocks, grid_blocks(p.count))) * sizeof(double);
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("activation",
                                  {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>, .backward = erase<backward>}}});
    return kernels;
}

}  // namespace activation
}  // namespace purnet
