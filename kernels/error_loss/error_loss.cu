#include "kernels/error_loss/error_loss.h"

#include "kernels/runtime/scope.h"
#include "kernels/tile/map_sum.h"
#include "kernels/tile/math.h"

namespace purnet::error_loss {
namespace {

// loss = mean over i of the divergence between the target t = (g + sigmoid(-zo)) / 2 and p = sigmoid(2 ze), and dze in the same
// pass; the formulas are the contract's. Vectors of 16 bytes a thread, partial sums by block, the last block finishes
// (kernels/tile/map_sum.h). Bytes: 3 count sizeof(T), 4 count for dze; about 80 FLOP an element.
template <Form F>
struct Elements {
    float* loss;
    double count;
    float share;  // 1 / count

    __device__ Elements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[3], float (&out)[1], float (&sum)[1]) const {
        const float x = 2.0f * in[0], g = in[2];
        const tile::Sigmoid o = tile::sigmoid_parts(in[1]), e = tile::sigmoid_parts(x);
        const float t = 0.5f * (g + o.q), rest = 0.5f * ((1.0f - g) + o.p);
        const float minus_log_p = e.log_part + fmaxf(-x, 0.0f), minus_log_q = e.log_part + fmaxf(x, 0.0f);
        if constexpr (F == Form::bce) {
            sum[0] += t * minus_log_p + rest * minus_log_q;
            out[0] = 2.0f * share * (rest * e.p - t * e.q);
        } else {
            sum[0] += tile::times_log(t) + t * minus_log_p;
            out[0] = -2.0f * share * t * e.q;
        }
    }
    __device__ void finish(const double (&total)[1]) const { *loss = static_cast<float>(total[0] / count); }
};

// The entropy of the target: mean of -t ln t - (1 - t) ln(1 - t). Bytes 2 count sizeof(T).
struct EntropyElements {
    float* entropy;
    double count;

    __device__ EntropyElements prepare() const { return *this; }
    __device__ void operator()(const float (&in)[2], float (&)[1], float (&sum)[1]) const {
        const tile::Sigmoid o = tile::sigmoid_parts(in[0]);
        sum[0] -= tile::times_log(0.5f * (in[1] + o.q)) + tile::times_log(0.5f * ((1.0f - in[1]) + o.p));
    }
    __device__ void finish(const double (&total)[1]) const { *entropy = static_cast<float>(total[0] / count); }
};

template <class T>
void forward(const Problem& p, const T* ze, const T* zo, const T* g, float* loss, float* dze, void* workspace, const Context& context) {
    const auto text = [&] { return concat(p.count, " pixels"); };
    const OpScope op("error loss", text);
    const double count = static_cast<double>(p.count);
    const float share = static_cast<float>(1.0 / count);
    if (p.form == Form::bce)
        tile::map_sum<T, 3, 1, 1, float>(Elements<Form::bce>{loss, count, share}, {{ze, zo, g}, {dze}}, p.count, workspace,
                                         cuda::stream_of(context));
    else
        tile::map_sum<T, 3, 1, 1, float>(Elements<Form::kl>{loss, count, share}, {{ze, zo, g}, {dze}}, p.count, workspace,
                                         cuda::stream_of(context));
}

template <class T>
void entropy(int64_t count, const T* zo, const T* g, float* entropy, void* workspace, const Context& context) {
    const auto text = [&] { return concat(count, " pixels"); };
    const OpScope op("error loss entropy", text);
    tile::map_sum<T, 2, 0, 1>(EntropyElements{entropy, static_cast<double>(count)}, {{zo, g}, {nullptr}}, count, workspace,
                              cuda::stream_of(context));
}

const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32}, {.forward = erase<forward<float>>, .entropy = erase<entropy<float>>});
    table().add({DeviceType::cuda, DType::bf16}, {.forward = erase<forward<bf16>>, .entropy = erase<entropy<bf16>>});
    return true;
}();

}  // namespace
}  // namespace purnet::error_loss
