#include "apps/salient/input.h"

#include "kernels/runtime/parallel.h"

namespace purnet {

void normalise(const uint8_t* rgb, int64_t pixels, const Normalisation& normalisation, float* out) {
    const auto exact = normalisation.table();
    float table[3][256];
    for (size_t c = 0; c < 3; ++c)
        for (size_t b = 0; b < 256; ++b) table[c][b] = static_cast<float>(exact[c][b]);
    parallel_for(pixels, 16384, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i)
            for (int64_t c = 0; c < 3; ++c) out[3 * i + c] = table[c][rgb[3 * i + c]];
    });
}

Tensor network_input(const uint8_t* rgb, int64_t n, int64_t h, int64_t w, const Normalisation& normalisation, Device device, DType dtype) {
    const Shape shape{n, h, w, 3};
    if (dtype == DType::f64) {
        const auto table = normalisation.table();
        std::vector<double> values(static_cast<size_t>(shape.count()));
        for (size_t i = 0; i < values.size(); ++i) values[i] = table[i % 3][rgb[i]];
        return Tensor::from(values.data(), shape, dtype, device);
    }
    const Tensor host = Tensor::empty(shape, DType::f32);
    normalise(rgb, n * h * w, normalisation, host.data<float>());
    return host.to(device, dtype);
}

Tensor network_input(const PurNet& net, const uint8_t* rgb, int64_t n, int64_t h, int64_t w) {
    return network_input(rgb, n, h, w, net.config().normalisation, net.parameters().device(), net.parameters().activation_dtype());
}

}  // namespace purnet
