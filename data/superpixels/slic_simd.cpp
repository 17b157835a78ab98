// The inner loop of SLIC: blocks of sixteen neighbouring pixels of a row. Lanes behind the window carry a distance that never wins.
#include "data/superpixels/slic.h"

namespace purnet::PURNET_ISA_NAME {

void slic_assign(const slic_detail::Planes& planes, const slic_detail::Centre& centre, int number, int x0, int columns, int y0, int rows,
                 const int32_t* across, const int32_t* down) {
    constexpr int lanes = slic_detail::lanes;
    // differences of Lab fit into 16 bits, and so their products are single instructions on every x86-64
    const int16_t cl = static_cast<int16_t>(centre.l), ca = static_cast<int16_t>(centre.a), cb = static_cast<int16_t>(centre.b);
    for (int r = 0; r < rows; ++r) {
        const long start = static_cast<long>(y0 + r) * planes.stride + x0;
        const int32_t below = down[r];
        for (int first = 0; first < columns; first += lanes) {
            const int16_t* __restrict l = planes.l + start + first;
            const int16_t* __restrict a = planes.a + start + first;
            const int16_t* __restrict b = planes.b + start + first;
            const int32_t* __restrict beside = across + first;
            int32_t* __restrict distance = planes.distance + start + first;
            int32_t* __restrict label = planes.label + start + first;
            for (int i = 0; i < lanes; ++i) {
                const int16_t dl = static_cast<int16_t>(l[i] - cl), da = static_cast<int16_t>(a[i] - ca),
                              db = static_cast<int16_t>(b[i] - cb);
                const int32_t d =
                    static_cast<int32_t>(dl) * dl + static_cast<int32_t>(da) * da + static_cast<int32_t>(db) * db + beside[i] + below;
                const int32_t before = distance[i];
                const int32_t old = label[i];
                label[i] = d < before ? number : old;
                distance[i] = d < before ? d : before;
            }
        }
    }
}

// One addition of eight numbers a pixel, whatever its label: branches on where a label ends would be guessed wrong too often.
void slic_sum(const slic_detail::Planes& planes, int y0, int y1, slic_detail::Sums* sums) {
    typedef int16_t Quad __attribute__((vector_size(8), aligned(2), may_alias));
    typedef int32_t Four __attribute__((vector_size(16), aligned(4), may_alias));
    for (int y = y0; y < y1; ++y) {
        const long start = static_cast<long>(y) * planes.stride;
        const int32_t* label = planes.label + start;
        const int16_t* quad = planes.quads + 4 * start;
        Four place = {0, y, 0, 0};
        const Four right = {1, 0, 0, 0};
        for (int x = 0; x < planes.width; ++x) {
            int32_t* sum = &sums[slic_detail::sum_sets * (label[x] + 1) + x % slic_detail::sum_sets].l;
            Four* first = reinterpret_cast<Four*>(sum);
            Four* second = reinterpret_cast<Four*>(sum + 4);
            *first += __builtin_convertvector(*reinterpret_cast<const Quad*>(quad + 4 * x), Four);
            *second += place;
            place += right;
        }
    }
}

}  // namespace purnet::PURNET_ISA_NAME
