// The register tiles of 8-bit products and the walk over panels. Formula and layout: gemm_int8.h.
#include "kernels/gemm/gemm_int8.h"
#include "kernels/gemm/panels_simd.h"
#include "kernels/simd/bytes.h"
#include "kernels/simd/vec.h"
#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace purnet::gemm::PURNET_ISA_NAME {
namespace {

using namespace purnet::PURNET_ISA_NAME;

#define PURNET_INLINE inline __attribute__((always_inline))

typedef int32_t vint_unaligned __attribute__((vector_size(4 * lanes), aligned(1), may_alias));
typedef int32_t int_unaligned __attribute__((aligned(1), may_alias));

constexpr long group_bytes = 4;

// acc + the products of one group, in every lane.
template <Form8 form>
PURNET_INLINE vint dot(vint acc, vint a, vint b) {
    if constexpr (form == Form8::bytes) {
        // Written as an instruction: its intrinsic would ask for VNNI of the whole file, and with it of every machine of this set.
#if defined(PURNET_ISA_avx512)
        asm("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(a), "v"(b));
        return acc;
#elif defined(PURNET_ISA_avx2)
        asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
        return acc;
#endif
    }
#if defined(PURNET_ISA_avx512)
    return acc + (vint)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(PURNET_ISA_avx2)
    return acc + (vint)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#elif defined(__SSE2__)
    return acc + (vint)_mm_madd_epi16((__m128i)a, (__m128i)b);
#else
    typedef int16_t pairs __attribute__((vector_size(4 * lanes)));
    const pairs x = (pairs)a, y = (pairs)b;
    for (int i = 0; i < lanes; ++i) acc[i] += x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];
    return acc;
#endif
}

// One register tile: MR rows, NV vectors of columns, of which `columns` exist.
template <Form8 form, int MR, int NV>
void tile(long group_count, const char* a, long step, const int8_t* b, const int32_t* start, float* c, uint8_t* q, long ldc, long columns,
          const Finish8& f, Ahead ahead) {
    vint acc[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) acc[i][j] = start ? *reinterpret_cast<const vint_unaligned*>(start + j * lanes) : vint{};
    // Three bases and multiples of one stride reach every row without a pointer for each.
    const char* base[3] = {a, a + 5 * step, a + 10 * step};
    const long triple = 3 * step;
    for (long g = 0; g < group_count; ++g) {
        ahead.fetch();
        vint bv[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) bv[j] = *reinterpret_cast<const vint_unaligned*>(b + j * (group_bytes * lanes));
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
            const char* p = base[i / 5];
            const int r = i % 5;
            const int value = *reinterpret_cast<const int_unaligned*>(r == 0   ? p
                                                                      : r == 1 ? p + step
                                                                      : r == 2 ? p + 2 * step
                                                                      : r == 3 ? p + triple
                                                                               : p + 4 * step);
            const vint av = vint{} + value;
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j] = dot<form>(acc[i][j], av, bv[j]);
        }
        base[0] += group_bytes, base[1] += group_bytes, base[2] += group_bytes;
        b += NV * group_bytes * lanes;
    }
    const vfloat slope = broadcast(f.slope), top = broadcast(f.top), q_scale = broadcast(f.q_scale), q_zero = broadcast(f.q_zero);
    // Rolled: it stands once per row tile, and the sums leave the registers once in any case.
    vint sums[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) sums[i][j] = acc[i][j];
#pragma GCC unroll 1
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 1
        for (int j = 0; j * lanes < columns; ++j) {
            const long at = i * ldc + j * lanes;
            const int part = columns - j * lanes < lanes ? static_cast<int>(columns - j * lanes) : lanes;
            vfloat v = __builtin_convertvector(sums[i][j], vfloat) * load(f.scale + j * lanes) + load(f.bias + j * lanes);
            if (f.before) v += load_part(f.before + at, part);
            v = v > 0 ? v : slope * v;
            v = v > top ? top : v;
            if (f.after) v += load_part(f.after + at, part);
            if (c) store_part(c + at, v, part);
            if (q) store_bytes(q + at, nearest_byte(v * q_scale + q_zero), part);
        }
}

using Tile = void (*)(long, const char*, long, const int8_t*, const int32_t*, float*, uint8_t*, long, long, const Finish8&, Ahead);

template <Form8 form, int NV, int MR>
constexpr void list_tiles(Tile* tiles) {
    if constexpr (MR > 0) {
        tiles[MR] = tile<form, MR, NV>;
        list_tiles<form, NV, MR - 1>(tiles);
    }
}

#if defined(PURNET_ISA_avx512) || defined(PURNET_ISA_avx2)
constexpr int forms = 2;
#else
constexpr int forms = 1;  // words
#endif

struct Tiles {
    Tile at[forms][widest + 1][15] = {};  // words or bytes, vectors, rows
    template <int NV>
    constexpr void add() {
        list_tiles<Form8::words, NV, rows_of(NV)>(at[0][NV]);
        if constexpr (forms > 1) list_tiles<Form8::bytes, NV, rows_of(NV)>(at[forms - 1][NV]);
        if constexpr (NV > 1) add<NV - 1>();
    }
    constexpr Tiles() { add<widest>(); }
};
constexpr Tiles tiles;

}  // namespace

long gemm8_packed_bytes(Form8 form, long k, long n) { return groups(form, k) * group_bytes * rounded_up(n); }

void gemm8_pack_b(Form8 form, long k, long n, const int8_t* b, long k_stride, long n_stride, int8_t* packed, long depth, long first) {
    const long vectors = rounded_up(n) / lanes, group = group_size(form);
    for (long v = 0; v < vectors;) {
        const int nv = panel_vectors(vectors - v);
        const long width = nv * lanes, column = v * lanes, columns = n - column < width ? n - column : width;
        int8_t* panel = packed + groups(form, depth) * group_bytes * column;
        for (long j = 0; j < columns; ++j)
            for (long kk = 0; kk < k; ++kk) {
                const int8_t value = b[kk * k_stride + (column + j) * n_stride];
                int8_t* to = panel + ((first + kk) / group * width + j) * group_bytes;
                const long place = (first + kk) % group;
                if (form == Form8::bytes)
                    to[place] = value;
                else
                    reinterpret_cast<int16_t*>(to)[place] = value;
            }
        v += nv;
    }
}

void gemm8_run(const Product8& p, const Finish8& finish, long first, long last) {
    const long vectors = rounded_up(p.n) / lanes, group_count = groups(p.form, p.k);
    for (long v = first / lanes; v * lanes < last;) {
        const int nv = panel_vectors(vectors - v);
        const long column = v * lanes, columns = p.n - column < nv * lanes ? p.n - column : nv * lanes;
        const int8_t* panel = p.b + group_count * group_bytes * column;
        const long at = column - first;
        const long most = rows_of(nv), count = (p.m + most - 1) / most, least = p.m / count, longer = p.m % count;
        Ahead ahead = ahead_of(panel + group_count * group_bytes * nv * lanes, nv, count);
        long row = 0;
        Finish8 f = finish;
        f.scale = finish.scale + column;
        f.bias = finish.bias + column;
        for (long t = 0; t < count; ++t) {
            const long rows = least + (t < longer), offset = row * p.ldc + at;
            if (finish.before) f.before = finish.before + offset;
            if (finish.after) f.after = finish.after + offset;
            tiles.at[p.form == Form8::bytes ? forms - 1 : 0][nv][rows](
                group_count, static_cast<const char*>(p.a) + row * p.row_bytes, p.row_bytes, panel, p.start ? p.start + column : nullptr,
                p.c ? p.c + offset : nullptr, p.q ? p.q + offset : nullptr, p.ldc, columns, f, ahead);
            ahead.from += group_count * ahead.step;
            row += rows;
        }
        v += nv;
    }
}

}  // namespace purnet::gemm::PURNET_ISA_NAME
