#include "kernels/optimiser/optimiser.h"

#include <cmath>

#include "kernels/optimiser/optimiser_simd.h"
#include "kernels/runtime/parallel.h"

namespace purnet::optimiser {
namespace {

constexpr int64_t grain = 16384;

void sgd(const Sgd& k, const void* rate, const int32_t* proceed, const void* g, void* v, void* p, const Context&) {
    if (proceed && !*proceed) return;
    const auto range = PURNET_PICK(sgd_range);
    parallel_for(k.count, grain, [&](int64_t begin, int64_t end) {
        range(static_cast<float>(k.momentum), static_cast<float>(k.decay), *static_cast<const float*>(rate),
              static_cast<const float*>(g) + begin, static_cast<float*>(v) + begin, static_cast<float*>(p) + begin, end - begin);
    });
}

void adamw(const Adamw& k, const void* rate, const int32_t* step, const int32_t* proceed, const void* g, void* m, void* s, void* p,
           const Context&) {
    if (proceed && !*proceed) return;
    const double t = *step;
    const AdamwScalars scalars{.beta1 = static_cast<float>(k.beta1),
                               .beta2 = static_cast<float>(k.beta2),
                               .first = static_cast<float>(1 - k.beta1),
                               .second = static_cast<float>(1 - k.beta2),
                               .correct1 = static_cast<float>(1 / (1 - std::pow(k.beta1, t))),
                               .correct2 = static_cast<float>(1 / std::sqrt(1 - std::pow(k.beta2, t))),
                               .eps = static_cast<float>(k.eps),
                               .decay = static_cast<float>(k.decay),
                               .rate = *static_cast<const float*>(rate)};
    const auto range = PURNET_PICK(adamw_range);
    parallel_for(k.count, grain, [&](int64_t begin, int64_t end) {
        range(scalars, static_cast<const float*>(g) + begin, static_cast<float*>(m) + begin, static_cast<float*>(s) + begin,
              static_cast<float*>(p) + begin, end - begin);
    });
}

void ema(const Ema& k, const int32_t* proceed, const void* p, void* a, const Context&) {
    if (proceed && !*proceed) return;
    const auto range = PURNET_PICK(ema_range);
    parallel_for(k.count, grain, [&](int64_t begin, int64_t end) {
        range(static_cast<float>(1 - k.keep), static_cast<const float*>(p) + begin, static_cast<float*>(a) + begin, end - begin);
    });
}

}  // namespace

Table<Kernels>& table() {
    static Table<Kernels> kernels("optimiser", {{{DeviceType::cpu, DType::f32}, {.sgd = sgd, .adamw = adamw, .ema = ema}}});
    return kernels;
}

}  // namespace purnet::optimiser
