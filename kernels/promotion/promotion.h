// Promotion attention (PurNet, equations 1 to 3), fused. For n < images, p < rows = H W, c < channels, gain g (1, or C H W):
//     s[n,p,c] = softmax of f[n,:,c] over p        k[n,c] = softmax of m[n,:] over c,  m[n,c] = mean of f[n,:,c] over p
//     A = g s k                                    y = target A + target, rounded once
// statistics  {N,2,C}: [n,0,c] = M = max over p of f[n,:,c];  [n,1,c] = u = g k / sum over p of e^(f - M), so that A = e^(f - M) u
// attention   A itself
// promote     y, from statistics
// backward    the whole derivative, also through the statistics. With a = dy target, Z = sum_p e^(f - M), k = u Z / g, D[c] = sum_p a A:
//     dtarget = dy (1 + A)
//     df      = A a - (e^(f - M) / Z) D + (D - k sum over c' of D[c']) / rows
// f, target, y, A, dy, dtarget, df: activations; statistics: parameters. y may be target or f; dtarget may be dy where df is null;
// dtarget, df may be null. Sums over p are taken in float64 over blocks fixed by the shape: the same bits for any number of threads.
// Bytes: statistics 1 read; promote 2 reads 1 write; backward 6 reads 2 writes. About 20 FLOP an element and pass.
// Workspace: statistics_workspace, backward_workspace (pure functions).
#pragma once

#include <cstddef>

#include "kernels/runtime/table.h"

namespace purnet::promotion {

struct Problem {
    int64_t images = 1;
    int64_t rows = 1;
    int64_t channels = 1;
    double gain = 1;

    int64_t count() const { return images * rows * channels; }
};

struct Kernels {
    void (*statistics)(const Problem&, const void* f, void* statistics, void* workspace, const Context&) = nullptr;
    void (*attention)(const Problem&, const void* f, const void* statistics, void* attention, const Context&) = nullptr;
    void (*promote)(const Problem&, const void* target, const void* f, const void* statistics, void* y, const Context&) = nullptr;
    void (*backward)(const Problem&, const void* target, const void* f, const void* statistics, const void* dy, void* dtarget, void* df,
                     void* workspace, const Context&) = nullptr;
};

Table<Kernels>& table();
size_t statistics_workspace(const Problem&);
size_t backward_workspace(const Problem&);

}  // namespace purnet::promotion
