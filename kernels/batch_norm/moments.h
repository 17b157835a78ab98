// What a kernel that makes a tensor of rows x C can say of it in passing, so that a batch norm need not read it for its statistics. The
// rows are cut into parts of 64, whichever tiles the kernel works in. Of part t, with rows r = 64 t .. min(64 t + 64, rows) - 1:
//
//     moments[0,t,c] = y[64 t, c]                           the first row, a shift that keeps the digits of the rest
//     moments[1,t,c] = sum over r of (y[r,c] - moments[0,t,c])
//     moments[2,t,c] = sum over r of (y[r,c] - moments[0,t,c])^2
//
// y as it was stored, rounded to its type. Parameters, {3, parts, C}: 12 bytes for each 64 elements. With n_t rows in part t, k_t, s_t, q_t
// its moments, and m the mean of the channel, parts merge by the identity of Chan, Golub and LeVeque (1983):
//
//     rows m = sum over t of (n_t k_t + s_t),   rows variance = sum over t of (q_t + 2 (k_t - m) s_t + n_t (k_t - m)^2)
#pragma once

#include <cstdint>

namespace purnet::batch_norm {

inline constexpr int moment_rows = 64;

inline int64_t moment_parts(int64_t rows) { return (rows + moment_rows - 1) / moment_rows; }

}  // namespace purnet::batch_norm
