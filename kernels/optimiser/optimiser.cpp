#include "kernels/optimiser/optimiser.h"

#include <algorithm>
#include <cmath>
#include <cstring>

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

void ema(int64_t count, const void* share, const int32_t* proceed, const void* p, void* a, const Context&) {
    if (proceed && !*proceed) return;
    const auto range = PURNET_PICK(ema_range);
    parallel_for(count, grain, [&](int64_t begin, int64_t end) {
        range(*static_cast<const float*>(share), static_cast<const float*>(p) + begin, static_cast<float*>(a) + begin, end - begin);
    });
}

void average_share(double keep, const int32_t* proceed, int32_t* updates, void* share, const Context&) {
    if (proceed && !*proceed) return;
    const double t = (*updates)++;
    *static_cast<float*>(share) = static_cast<float>(1 - std::min(keep, (1 + t) / (10 + t)));
}

void clip_factor(double max_norm, const void* square, void* factor, const Context&) {
    const double norm = std::sqrt(static_cast<double>(*static_cast<const float*>(square)));
    *static_cast<float*>(factor) = norm > max_norm && std::isfinite(norm) ? static_cast<float>(max_norm / norm) : 1.0f;
}

void restore(int64_t count, const int32_t* proceed, const void* w, void* p, const Context&) {
    if (!*proceed) std::memcpy(p, w, static_cast<size_t>(count) * sizeof(float));
}

}  // namespace

Table<Kernels>& table() {
    static Table<Kernels> kernels(
        "optimiser",
        {{{DeviceType::cpu, DType::f32},
          {.sgd = sgd, .adamw = adamw, .ema = ema, .average_share = average_share, .clip_factor = clip_factor, .restore = restore}}});
    return kernels;
}

}  // namespace purnet::optimiser
