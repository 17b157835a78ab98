// Updates of a flat buffer of parameters, i < count; one call a parameter group.
//     sgd    v = momentum v + (g + decay p);  p = p - rate v          (v = 0 at the start: the first v is g + decay p)
//     adamw  m = b1 m + (1 - b1) g;  s = b2 s + (1 - b2) g^2;         (Loshchilov and Hutter 2019)
//            p = p - rate (decay p + m / (1 - b1^t) / (sqrt(s / (1 - b2^t)) + eps)),  t = 1, 2, ...
//     ema    a = a + share (p - a)
//     average_share  share = 1 - min(keep, (1 + t) / (10 + t)), t = updates;  updates = updates + 1: what ema takes, so that the start
//                    is forgotten
//     clip_factor    factor = max_norm / |g| where |g| = sqrt(square) is finite and above max_norm, else 1
//     restore        p = w where proceed is 0: what a step changed before it was known that it is not made (running statistics)
// g, v, m, s, a, w, p: parameters, count elements, updated in place; rate, share, square, factor: one parameter; step t, updates: one
// int32. They are read where the kernel runs, so that a captured CUDA graph sees each step's values. `proceed`, one int32 or (but for
// restore) null: 0 leaves everything as it is (a step whose gradient is not finite). Nothing else may alias. Bytes: sgd 3 reads 2 writes of
// count elements, adamw 4 and 3, ema 2 and 1, restore 2 and 1 on CUDA devices, else none, or 1 and 1 where proceed is 0.
#pragma once

#include "kernels/runtime/table.h"

namespace purnet::optimiser {

struct Sgd {
    int64_t count = 0;
    double momentum = 0.9;
    double decay = 0;
};

struct Adamw {
    int64_t count = 0;
    double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
    double decay = 0;
};

struct Kernels {
    void (*sgd)(const Sgd&, const void* rate, const int32_t* proceed, const void* g, void* v, void* p, const Context&) = nullptr;
    void (*adamw)(const Adamw&, const void* rate, const int32_t* step, const int32_t* proceed, const void* g, void* m, void* s, void* p,
                  const Context&) = nullptr;
    void (*ema)(int64_t count, const void* share, const int32_t* proceed, const void* p, void* a, const Context&) = nullptr;
    void (*average_share)(double keep, const int32_t* proceed, int32_t* updates, void* share, const Context&) = nullptr;
    void (*clip_factor)(double max_norm, const void* square, void* factor, const Context&) = nullptr;
    void (*restore)(int64_t count, const int32_t* proceed, const void* w, void* p, const Context&) = nullptr;
};

Table<Kernels>& table();

}  // namespace purnet::optimiser
