#include "kernels/conv2d/conv2d_bf16_simd.h"

#include "kernels/simd/halves.h"

namespace purnet::conv2d::PURNET_ISA_NAME {

using namespace purnet::PURNET_ISA_NAME;

namespace {

// `count` values of a row from column j, which is `at` from the first row's begin.
inline __attribute__((always_inline)) vfloat ended(const float* sums, const Ending& e, int64_t j, int64_t at, int count) {
    vfloat v = load_part(sums + at, count) + load_part(e.bias + j, count);
    if (e.before) v += load_part(e.before + at, count);
    const vfloat top = broadcast(e.top);
    v = v > vfloat{} ? v : v * broadcast(e.slope);
    v = v > top ? top : v;
    if (e.after) v += load_part(e.after + at, count);
    return v;
}

inline int here(int64_t left) { return left < lanes ? static_cast<int>(left) : lanes; }

}  // namespace

void end_rows(int64_t rows, int64_t columns, const float* sums, const Ending& ending, float* y) {
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t j = 0; j < columns; j += lanes) {
            const int64_t at = row * columns + j;
            const int count = here(columns - j);
            store_part(y + at, ended(sums, ending, j, at, count), count);
        }
}

void end_rows_halves(int64_t rows, int64_t columns, const float* sums, const Ending& ending, uint16_t* y) {
    for (int64_t row = 0; row < rows; ++row)
        for (int64_t j = 0; j < columns; j += lanes) {
            const int64_t at = row * columns + j;
            const int count = here(columns - j);
            store_halves(y + at, nearest_half(ended(sums, ending, j, at, count)), count);
        }
}

}  // namespace purnet::conv2d::PURNET_ISA_NAME
