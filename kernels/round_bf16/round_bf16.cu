#include "kernels/round_bf16/round_bf16.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/pointwise.h"

namespace purnet::round_bf16 {
namespace {

// y[i] = x[i] to the nearest bf16, i < count: the conversion is the store's. One thread owns vectors of 4 elements, 16 bytes read and 8
// written (kernels/tile/pointwise.h). Bytes 6 count, no FLOP: limited by bandwidth. The same bits always.
struct Round {
    __device__ Round prepare() const { return *this; }
    __device__ void operator()(const float (&in)[1], float (&out)[1]) const { out[0] = in[0]; }
};

void forward(const Problem& p, const float* x, bf16* y, const Context& context) {
    const auto text = [&] { return concat(p.count, " elements"); };
    const OpScope op("round_bf16", text);
    tile::pointwise<float, 1, 1, bf16>(Round{}, {{x}, {y}}, p.count, cuda::stream_of(context));
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward>});
    return true;
}();

}  // namespace
}  // namespace purnet::round_bf16
