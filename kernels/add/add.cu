#include "kernels/add/add.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/pointwise.h"

namespace purnet::add {
namespace {

// y[i] = a[i] + b[i], i < count. One thread owns vectors of 16 bytes (kernels/tile/pointwise.h). Bytes 3 count sizeof(T), count
// FLOP: limited by bandwidth. y may be a or b. Each y[i] is one addition: the same bits always.
struct AddElements {
    __device__ AddElements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[2], float (&out)[1]) const { out[0] = in[0] + in[1]; }
};

template <class T>
void forward(int64_t count, const T* a, const T* b, T* y, const Context& context) {
    const auto text = [&] { return concat(count, " elements"); };
    const OpScope op("add", text);
    tile::pointwise<T, 2, 1>(AddElements{}, {{a, b}, {y}}, count, cuda::stream_of(context));
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::add
