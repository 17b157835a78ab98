// The register tiles and the walk over panels. Formula and layout: gemm.h.
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/panels_simd.h"
#include "kernels/simd/vec.h"

namespace purnet::gemm::PURNET_ISA_NAME {
namespace {

using namespace purnet::PURNET_ISA_NAME;

#define PURNET_INLINE inline __attribute__((always_inline))

PURNET_INLINE vfloat activate(vfloat v, vfloat slope, vfloat top) {
    v = v > 0 ? v : slope * v;
    return v > top ? top : v;
}

// One register tile: MR rows, NV vectors of columns, of which `columns` exist.
template <int MR, int NV, bool k_major>
void tile(long k, const float* a, long lda, const float* b, long ldb, float* c, long ldc, long columns, const Finish& f, Ahead ahead) {
    vfloat acc[MR][NV];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) acc[i][j] = vfloat{};
    // Three bases and multiples of one stride reach every row without a pointer for each.
    const char* base[3] = {reinterpret_cast<const char*>(a), nullptr, nullptr};
    const long step = lda * 4, triple = 3 * step;
    if (!k_major) base[1] = base[0] + 5 * step, base[2] = base[0] + 10 * step;
    for (long kk = 0; kk < k; ++kk) {
        ahead.fetch();
        vfloat bv[NV];
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) bv[j] = load(b + j * lanes);
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i) {
            float value;
            if (k_major) {
                value = reinterpret_cast<const float*>(base[0])[i];
            } else {
                const char* p = base[i / 5];
                const int r = i % 5;
                value = *reinterpret_cast<const float*>(r == 0   ? p
                                                        : r == 1 ? p + step
                                                        : r == 2 ? p + 2 * step
                                                        : r == 3 ? p + triple
                                                                 : p + 4 * step);
            }
            const vfloat av = broadcast(value);
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) acc[i][j] = fma(av, bv[j], acc[i][j]);
        }
        if (k_major)
            base[0] += step;
        else
            base[0] += 4, base[1] += 4, base[2] += 4;
        b += ldb;
    }
    const bool active = f.slope != 1 || f.top < __builtin_inff();
    const vfloat slope = broadcast(f.slope), top = broadcast(f.top);
    if (columns == NV * lanes) {
        if (f.bias) {
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) {
                const vfloat bias = load(f.bias + j * lanes);
#pragma GCC unroll 16
                for (int i = 0; i < MR; ++i) acc[i][j] += bias;
            }
        }
        if (f.accumulate) {
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
                for (int j = 0; j < NV; ++j) acc[i][j] += load(c + i * ldc + j * lanes);
        }
        if (f.before) {
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
                for (int j = 0; j < NV; ++j) acc[i][j] += load(f.before + i * ldc + j * lanes);
        }
        if (active) {
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
                for (int j = 0; j < NV; ++j) acc[i][j] = activate(acc[i][j], slope, top);
        }
        if (f.after) {
#pragma GCC unroll 16
            for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
                for (int j = 0; j < NV; ++j) acc[i][j] += load(f.after + i * ldc + j * lanes);
        }
#pragma GCC unroll 16
        for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
            for (int j = 0; j < NV; ++j) store(c + i * ldc + j * lanes, acc[i][j]);
        return;
    }
    // The last panel: only its first columns exist. A plain loop, since it stands once per row tile.
    float buffer[MR * NV * lanes];
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i)
#pragma GCC unroll 4
        for (int j = 0; j < NV; ++j) store(buffer + (i * NV + j) * lanes, acc[i][j]);
    for (int i = 0; i < MR; ++i)
        for (int j = 0; j * lanes < columns; ++j) {
            const int part = columns - j * lanes < lanes ? static_cast<int>(columns - j * lanes) : lanes;
            float* to = c + i * ldc + j * lanes;
            vfloat v = load(buffer + (i * NV + j) * lanes);
            if (f.bias) v += load_part(f.bias + j * lanes, part);
            if (f.accumulate) v += load_part(to, part);
            if (f.before) v += load_part(f.before + i * ldc + j * lanes, part);
            if (active) v = activate(v, slope, top);
            if (f.after) v += load_part(f.after + i * ldc + j * lanes, part);
            store_part(to, v, part);
        }
}

using Tile = void (*)(long, const float*, long, const float*, long, float*, long, long, const Finish&, Ahead);

template <int NV, bool k_major, int MR>
constexpr void list_tiles(Tile* tiles) {
    if constexpr (MR > 0) {
        tiles[MR] = tile<MR, NV, k_major>;
        list_tiles<NV, k_major, MR - 1>(tiles);
    }
}

struct Tiles {
    Tile at[2][widest + 1][15] = {};  // k_major, vectors, rows
    template <int NV>
    constexpr void add() {
        list_tiles<NV, false, rows_of(NV)>(at[0][NV]);
        list_tiles<NV, true, rows_of(NV)>(at[1][NV]);
        if constexpr (NV > 1) add<NV - 1>();
    }
    constexpr Tiles() { add<widest>(); }
};
constexpr Tiles tiles;

}  // namespace

void gemm_finish(long m, long n, float* c, long ldc, const Finish& f) {
    const vfloat slope = broadcast(f.slope), top = broadcast(f.top);
    for (long i = 0; i < m; ++i)
        for (long j = 0; j < n; j += lanes) {
            const int part = n - j < lanes ? static_cast<int>(n - j) : lanes;
            vfloat v = load_part(c + i * ldc + j, part);
            if (f.before) v += load_part(f.before + i * ldc + j, part);
            v = activate(v, slope, top);
            if (f.after) v += load_part(f.after + i * ldc + j, part);
            store_part(c + i * ldc + j, v, part);
        }
}

long gemm_tile_rows() { return rows_of(widest == 4 ? 3 : widest); }

long gemm_packed_floats(long k, long n) { return k * rounded_up(n); }

long gemm_next_panel(long n, long column) {
    const long vectors = rounded_up(n) / lanes;
    long v = 0;
    while (v < vectors && v * lanes < column) v += panel_vectors(vectors - v);
    return v * lanes < n ? v * lanes : n;
}

void gemm_pack_b(long k, long n, const float* b, long k_stride, long n_stride, float* packed, long depth, long first) {
    const long vectors = rounded_up(n) / lanes;
    for (long v = 0; v < vectors;) {
        const int nv = panel_vectors(vectors - v);
        const long width = nv * lanes, column = v * lanes, columns = n - column < width ? n - column : width;
        float* to = packed + depth * column + first * width;
        const float* from = b + column * n_stride;
        if (n_stride == 1) {
            for (long kk = 0; kk < k; ++kk)
                for (int j = 0; j < nv; ++j) {
                    const long left = columns - j * lanes;
                    const float* p = from + kk * k_stride + j * lanes;
                    store(to + kk * width + j * lanes, left >= lanes ? load(p) : load_part(p, left > 0 ? static_cast<int>(left) : 0));
                }
        } else {
            // Short runs along k keep both sides within a few cache lines.
            constexpr long run = 16;
            for (long k0 = 0; k0 < k; k0 += run) {
                const long k1 = k < k0 + run ? k : k0 + run;
                for (long j = 0; j < columns; ++j)
                    for (long kk = k0; kk < k1; ++kk) to[kk * width + j] = from[kk * k_stride + j * n_stride];
                for (long kk = k0; kk < k1; ++kk)
                    for (long j = columns; j < width; ++j) to[kk * width + j] = 0;
            }
        }
        v += nv;
    }
}

void gemm_pack_a(long m, long k, const float* a, long k_stride, long rows, float* packed) {
    for (long row = 0; row < m; row += rows) {
        const long count = m - row < rows ? m - row : rows;
        for (long kk = 0; kk < k; ++kk)
            for (long i = 0; i < count; i += lanes) {
                const int part = count - i < lanes ? static_cast<int>(count - i) : lanes;
                store_part(packed + kk * rows + i, load_part(a + kk * k_stride + row + i, part), part);
            }
        packed += k * rows;
    }
}

void gemm_run(const Product& p, const Finish& finish, long first, long last) {
    const long vectors = rounded_up(p.n) / lanes;
    for (long v = first / lanes; v * lanes < last;) {
        const int nv = panel_vectors(vectors - v);
        const long column = v * lanes, columns = p.n - column < nv * lanes ? p.n - column : nv * lanes;
        const float* panel = p.ldb ? p.b + column : p.b + p.k * column;
        const long ldb = p.ldb ? p.ldb : nv * lanes, at = column - first;
        // Rows in tiles of nearly one size: a last tile of one row would waste the registers.
        const long most = p.tile_rows ? p.tile_rows : rows_of(nv), count = (p.m + most - 1) / most;
        const long least = p.m / count, longer = p.m % count;
        Ahead ahead = p.ldb ? Ahead{panel, 0} : ahead_of(panel + p.k * nv * lanes, nv, count);
        long row = 0;
        Finish f = finish;
        for (long t = 0; t < count; ++t) {
            const float* a = p.a + (p.k_major ? row : row * p.lda);
            long rows = least + (t < longer), lda = p.lda;
            if (p.tile_rows) {
                rows = p.m - row < most ? p.m - row : most;
                a = p.a + row * p.k;
                lda = most;
            }
            if (finish.bias) f.bias = finish.bias + at;
            if (finish.before) f.before = finish.before + row * p.ldc + at;
            if (finish.after) f.after = finish.after + row * p.ldc + at;
            tiles.at[p.k_major || p.tile_rows][nv][rows](p.k, a, lda, panel, ldb, p.c + row * p.ldc + at, p.ldc, columns, f, ahead);
            ahead.from += p.k * ahead.step;
            row += rows;
        }
        v += nv;
    }
}

}  // namespace purnet::gemm::PURNET_ISA_NAME
