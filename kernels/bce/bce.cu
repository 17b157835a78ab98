#include "kernels/bce/bce.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/map_sum.h"
#include "kernels/tile/math.h"

namespace purnet::bce {
namespace {

// loss = mean of w b(z, g) with the gradients dz and dze in the same pass; the formulas are the contract's. Vectors of 16 bytes a
// thread, partial sums by block, the last block finishes (kernels/tile/map_sum.h). Bytes: 2 to 3 count sizeof(T) and 4 for each
// gradient; about 60 FLOP an element.
template <Weight W, bool Clamp>
struct Elements {
    float* loss;
    double count;
    float share;  // 1 / count

    __device__ Elements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[W == Weight::none ? 2 : 3], float (&out)[2], float (&sum)[1]) const {
        const float z = in[0], g = in[1];
        const tile::Sigmoid s = tile::sigmoid_parts(z);
        float b = s.log_part + g * fmaxf(-z, 0.0f) + (1.0f - g) * fmaxf(z, 0.0f);
        float slope = (1.0f - g) * s.p - g * s.q;
        if constexpr (Clamp) {
            constexpr float margin = static_cast<float>(clamp_margin);
            if (s.p < margin || s.q < margin) {
                // ln 1e-4 and ln(1 - 1e-4)
                constexpr float log_small = -9.210340372f, log_large = -1.00005e-4f;
                b = z > 0.0f ? -(g * log_large + (1.0f - g) * log_small) : -(g * log_small + (1.0f - g) * log_large);
                slope = 0.0f;
            }
        }
        float w = 1.0f;
        if constexpr (W != Weight::none) {
            const float e = in[2];
            w += fabsf(tanhf(e));
            const float sign = e > 0.0f ? 1.0f : e < 0.0f ? -1.0f : 0.0f;
            out[1] = b * sign * tile::sech_squared(e) * share;
        } else {
            out[1] = 0.0f;
        }
        out[0] = w * slope * share;
        sum[0] += w * b;
    }
    __device__ void finish(const double (&total)[1]) const { *loss = static_cast<float>(total[0] / count); }
};

template <Weight W, bool Clamp, class T>
void run(const Problem& p, const T* z, const T* g, const T* ze, float* loss, float* dz, float* dze, void* workspace, cudaStream_t stream) {
    const Elements<W, Clamp> f{loss, static_cast<double>(p.count), static_cast<float>(1.0 / static_cast<double>(p.count))};
    if constexpr (W == Weight::none)
        tile::map_sum<T, 2, 2, 1, float>(f, {{z, g}, {dz, nullptr}}, p.count, workspace, stream);
    else
        tile::map_sum<T, 3, 2, 1, float>(f, {{z, g, ze}, {dz, W == Weight::flowing ? dze : nullptr}}, p.count, workspace, stream);
}

template <class T>
void forward(const Problem& p, const T* z, const T* g, const T* ze, float* loss, float* dz, float* dze, void* workspace,
             const Context& context) {
    const auto text = [&] { return concat(p.count, " pixels"); };
    const OpScope op("bce", text);
    const cudaStream_t stream = cuda::stream_of(context);
    const auto with = [&]<Weight W>() {
        if (p.clamp)
            run<W, true>(p, z, g, ze, loss, dz, dze, workspace, stream);
        else
            run<W, false>(p, z, g, ze, loss, dz, dze, workspace, stream);
    };
    switch (p.weight) {
        case Weight::none: return with.template operator()<Weight::none>();
        case Weight::fixed: return with.template operator()<Weight::fixed>();
        case Weight::flowing: return with.template operator()<Weight::flowing>();
    }
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::bce
