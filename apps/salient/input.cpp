#include "apps/salient/input.h"

#include "core/ops/normalise.h"

namespace purnet {

Tensor bytes_on(Device device, const uint8_t* bytes, const Shape& shape) {
    const Tensor tensor = Tensor::empty(shape, DType::u8, device);
    copy_bytes(tensor.raw(), device, bytes, Device{}, tensor.bytes());
    return tensor;
}

Tensor network_input(const Tensor& rgb, const Normalisation& normalisation, DType dtype) {
    return ops::normalise(rgb, normalisation.scale, normalisation.mean, normalisation.deviation, dtype);
}

Tensor network_input(const PurNet& net, const Tensor& rgb) {
    return network_input(rgb, net.config().normalisation, net.parameters().activation_dtype());
}

Tensor network_input(const uint8_t* rgb, int64_t n, int64_t h, int64_t w, const Normalisation& normalisation, Device device, DType dtype) {
    return network_input(bytes_on(device, rgb, {n, h, w, 3}), normalisation, dtype);
}

Tensor network_input(const PurNet& net, const uint8_t* rgb, int64_t n, int64_t h, int64_t w) {
    return network_input(net, bytes_on(net.parameters().device(), rgb, {n, h, w, 3}));
}

}  // namespace purnet
