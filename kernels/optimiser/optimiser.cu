#include "kernels/optimiser/optimiser.h"

#include <cmath>

#include "kernels/runtime/scope.h"
#include "kernels/tile/pointwise.h"
#include "kernels/tile/ptx.h"

namespace purnet::optimiser {
namespace {

// The updates of the contract, one 16-byte vector of each buffer a thread (kernels/tile/pointwise.h). rate, step and proceed are
// read on the device, so that a captured graph follows the schedule. Where proceed is 0 each value is written back as it is.

// v = momentum v + (g + decay p); p = p - rate v. Bytes: 3 reads and 2 writes of count floats.
struct SgdElements {
    const float* rate_at;
    const int32_t* proceed_at;
    float momentum, decay;
    float rate;
    bool proceed;

    __device__ SgdElements prepare() const {
        SgdElements f = *this;
        f.rate = *rate_at;
        f.proceed = !proceed_at || *proceed_at != 0;
        return f;
    }
    __device__ void operator()(const float (&in)[3], float (&out)[2]) const {
        const float g = in[0], v = in[1], p = in[2];
        const float u = momentum * v + (g + decay * p);
        out[0] = proceed ? u : v;
        out[1] = proceed ? p - rate * u : p;
    }
};

// Bytes: 4 reads and 3 writes of count floats.
struct AdamwElements {
    const float* rate_at;
    const int32_t* step_at;
    const int32_t* proceed_at;
    float beta1, beta2, first, second, log_beta1, log_beta2, eps, decay;
    float rate, correct1, correct2;
    bool proceed;

    __device__ AdamwElements prepare() const {
        AdamwElements f = *this;
        const float t = static_cast<float>(*step_at);
        f.rate = *rate_at;
        f.proceed = !proceed_at || *proceed_at != 0;
        // 1 - beta^t as -expm1(t ln beta): powf would lose the digits of 1 - 0.999.
        f.correct1 = 1.0f / -expm1f(t * log_beta1);
        f.correct2 = 1.0f / sqrtf(-expm1f(t * log_beta2));
        return f;
    }
    __device__ void operator()(const float (&in)[4], float (&out)[3]) const {
        const float g = in[0], p = in[3];
        const float m = beta1 * in[1] + first * g, s = beta2 * in[2] + second * (g * g);
        out[0] = proceed ? m : in[1];
        out[1] = proceed ? s : in[2];
        out[2] = proceed ? p - rate * (decay * p + m * correct1 / (sqrtf(s) * correct2 + eps)) : p;
    }
};

// a = a + share (p - a). Bytes: 2 reads and 1 write of count floats.
struct EmaElements {
    const float* share_at;
    const int32_t* proceed_at;
    float share;
    bool proceed;

    __device__ EmaElements prepare() const { return {share_at, proceed_at, *share_at, !proceed_at || *proceed_at != 0}; }
    __device__ void operator()(const float (&in)[2], float (&out)[1]) const { out[0] = proceed ? in[1] + share * (in[0] - in[1]) : in[1]; }
};

// p = proceed ? p : w. Bytes: 2 reads and 1 write of count floats.
struct RestoreElements {
    const int32_t* proceed_at;
    bool proceed;

    __device__ RestoreElements prepare() const { return {proceed_at, *proceed_at != 0}; }
    __device__ void operator()(const float (&in)[2], float (&out)[1]) const { out[0] = proceed ? in[1] : in[0]; }
};

// The scalars of the contract, one thread each, in float64 as on the host: the same bits, and the same in every run. Such a launch is its
// latency: bytes and FLOP can be counted on the fingers.

// share = 1 - min(keep, (1 + t) / (10 + t)), t = updates, which grows by one. Reads proceed and updates, 8 bytes, writes updates and share,
// 8 bytes; 5 FLOP. Where proceed is 0 both stay as they are.
__global__ void average_share_kernel(double keep, const int32_t* proceed, int32_t* updates, float* share) {
    ptx::wait_for_launches();
    if (proceed && *proceed == 0) return;
    const double t = *updates;
    const double rising = (1 + t) / (10 + t);
    *updates += 1;
    *share = static_cast<float>(1 - (rising < keep ? rising : keep));
}

// factor = min(1, max_norm / norm), norm = sqrt(square); 1 where the norm is not finite, for the update is then not made. Reads 4 bytes,
// writes 4; a root and a quotient.
__global__ void clip_factor_kernel(double max_norm, const float* square, float* factor) {
    ptx::wait_for_launches();
    const double norm = sqrt(static_cast<double>(*square));
    const bool finite = norm - norm == 0;
    *factor = norm > max_norm && finite ? static_cast<float>(max_norm / norm) : 1.0f;
}

const float* floats(const void* p) { return static_cast<const float*>(p); }
float* floats(void* p) { return static_cast<float*>(p); }

void sgd(const Sgd& k, const void* rate, const int32_t* proceed, const void* g, void* v, void* p, const Context& context) {
    const auto text = [&] { return concat(k.count, " parameters"); };
    const OpScope op("sgd", text);
    const SgdElements f{floats(rate), proceed, static_cast<float>(k.momentum), static_cast<float>(k.decay), 0.0f, true};
    tile::pointwise<float, 3, 2>(f, {{floats(g), floats(v), floats(p)}, {floats(v), floats(p)}}, k.count, cuda::stream_of(context));
}

void adamw(const Adamw& k, const void* rate, const int32_t* step, const int32_t* proceed, const void* g, void* m, void* s, void* p,
           const Context& context) {
    const auto text = [&] { return concat(k.count, " parameters"); };
    const OpScope op("adamw", text);
    AdamwElements f{};
    f.rate_at = floats(rate);
    f.step_at = step;
    f.proceed_at = proceed;
    f.beta1 = static_cast<float>(k.beta1);
    f.beta2 = static_cast<float>(k.beta2);
    f.first = static_cast<float>(1 - k.beta1);
    f.second = static_cast<float>(1 - k.beta2);
    f.log_beta1 = static_cast<float>(std::log(k.beta1));
    f.log_beta2 = static_cast<float>(std::log(k.beta2));
    f.eps = static_cast<float>(k.eps);
    f.decay = static_cast<float>(k.decay);
    tile::pointwise<float, 4, 3>(f, {{floats(g), floats(m), floats(s), floats(p)}, {floats(m), floats(s), floats(p)}}, k.count,
                                 cuda::stream_of(context));
}

void ema(int64_t count, const void* share, const int32_t* proceed, const void* p, void* a, const Context& context) {
    const auto text = [&] { return concat(count, " parameters"); };
    const OpScope op("running average", text);
    tile::pointwise<float, 2, 1>(EmaElements{floats(share), proceed, 0.0f, true}, {{floats(p), floats(a)}, {floats(a)}}, count,
                                 cuda::stream_of(context));
}

void average_share(double keep, const int32_t* proceed, int32_t* updates, void* share, const Context& context) {
    const auto text = [&] { return concat("one scalar, keep ", keep); };
    const OpScope op("share of the running average", text);
    cuda::launch_early(average_share_kernel, 1, 1, 0, cuda::stream_of(context), keep, proceed, updates, floats(share));
}

void clip_factor(double max_norm, const void* square, void* factor, const Context& context) {
    const auto text = [&] { return concat("one scalar, to a norm of ", max_norm); };
    const OpScope op("clip factor", text);
    cuda::launch_early(clip_factor_kernel, 1, 1, 0, cuda::stream_of(context), max_norm, floats(square), floats(factor));
}

void restore(int64_t count, const int32_t* proceed, const void* w, void* p, const Context& context) {
    const auto text = [&] { return concat(count, " statistics"); };
    const OpScope op("restore", text);
    tile::pointwise<float, 2, 1>(RestoreElements{proceed, true}, {{floats(w), floats(p)}, {floats(p)}}, count, cuda::stream_of(context));
}

// Parameters are float32 beside activations of any type: one twin.
const bool registered = [] {
    table().add({DeviceType::cuda, DType::f32},
                {.sgd = sgd, .adamw = adamw, .ema = ema, .average_share = average_share, .clip_factor = clip_factor, .restore = restore});
    return true;
}();

}  // namespace
}  // namespace purnet::optimiser
