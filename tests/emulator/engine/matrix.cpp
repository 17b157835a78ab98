#include "tests/emulator/engine/matrix.h"

#include <bit>
#include <cstring>

#include "tests/emulator/engine/monitor.h"

namespace purnet::emulator {
namespace {

constexpr uint32_t all_lanes = 0xffffffffu;

void require_all(uint32_t here, const char* name) {
    if (here != all_lanes) raise(FaultKind::wrong_mask, concat(name, " in a warp of which lanes have left"));
}

struct MatrixLoad {
    uint32_t* r;
    const char* row;
    bool transposed;
};

void complete_load(void* const* lanes, uint32_t here) {
    require_all(here, "ldmatrix");
    const auto& first = *static_cast<MatrixLoad*>(lanes[0]);
    for (int m = 0; m < 4; ++m) {
        uint16_t matrix[8][8];
        for (int i = 0; i < 8; ++i) std::memcpy(matrix[i], static_cast<MatrixLoad*>(lanes[8 * m + i])->row, 16);
        for (int lane = 0; lane < 32; ++lane) {
            const int i = lane / 4, j = 2 * (lane % 4);
            const uint32_t low = first.transposed ? matrix[j][i] : matrix[i][j];
            const uint32_t high = first.transposed ? matrix[j + 1][i] : matrix[i][j + 1];
            static_cast<MatrixLoad*>(lanes[lane])->r[m] = low | high << 16;
        }
    }
}

struct Product {
    float* d;
    const uint32_t* a;
    const uint32_t* b;
};

template <int K>
void multiply_tile(void* const* lanes, const float (&a)[16][K], const float (&b)[K][8]) {
    float d[16][8];
    for (int lane = 0; lane < 32; ++lane) {
        const float* from = static_cast<Product*>(lanes[lane])->d;
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; ++i) d[g + 8 * (i / 2)][2 * t + i % 2] = from[i];
    }
    for (int m = 0; m < 16; ++m)
        for (int k = 0; k < K; ++k)
            for (int n = 0; n < 8; ++n) d[m][n] += a[m][k] * b[k][n];
    for (int lane = 0; lane < 32; ++lane) {
        float* to = static_cast<Product*>(lanes[lane])->d;
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; ++i) to[i] = d[g + 8 * (i / 2)][2 * t + i % 2];
    }
}

float half_of(uint32_t pair, int i) { return std::bit_cast<float>(i ? pair & 0xffff0000u : pair << 16); }

void complete_bf16(void* const* lanes, uint32_t here) {
    require_all(here, "mma.sync");
    float a[16][16], b[16][8];
    for (int lane = 0; lane < 32; ++lane) {
        const auto& own = *static_cast<Product*>(lanes[lane]);
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 8; ++i) a[g + (i / 2 % 2) * 8][2 * t + i % 2 + (i / 4) * 8] = half_of(own.a[i / 2], i % 2);
        for (int i = 0; i < 4; ++i) b[2 * t + i % 2 + (i / 2) * 8][g] = half_of(own.b[i / 2], i % 2);
    }
    multiply_tile<16>(lanes, a, b);
}

void complete_tf32(void* const* lanes, uint32_t here) {
    require_all(here, "mma.sync");
    float a[16][8], b[8][8];
    for (int lane = 0; lane < 32; ++lane) {
        const auto& own = *static_cast<Product*>(lanes[lane]);
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; ++i) a[g + (i % 2) * 8][t + (i / 2) * 4] = std::bit_cast<float>(own.a[i] & 0xffffe000u);
        for (int i = 0; i < 2; ++i) b[t + i * 4][g] = std::bit_cast<float>(own.b[i] & 0xffffe000u);
    }
    multiply_tile<8>(lanes, a, b);
}

void whole_warp(const char* name, void* arguments, void (*complete)(void* const*, uint32_t), Site site) {
    meet(name, all_lanes, arguments, complete, false, site);
}

}  // namespace

void load_matrices(uint32_t (&r)[4], uint32_t row, bool transposed, Site site) {
    if (row % 16) raise_at(FaultKind::misaligned, site, concat("ldmatrix: the row at shared address ", row, " is no multiple of 16 bytes"));
    MatrixLoad own{r, shared_pointer(row, 16, site), transposed};
    monitor::read(own.row, 16, site);
    whole_warp(transposed ? "ldmatrix.trans" : "ldmatrix", &own, complete_load, site);
}

void multiply_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
    Product own{d, a, b};
    whole_warp("mma.m16n8k16", &own, complete_bf16, site);
}

void multiply_tf32(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site site) {
    Product own{d, a, b};
    whole_warp("mma.m16n8k8", &own, complete_tf32, site);
}

}  // namespace purnet::emulator
