// Single instructions of the tensor cores and of the copy engine, fed with numbers that tell where they came from. What comes back is
// which lane holds what (lane maps), and where the copy engine puts which pixel: on a device the truth, on the emulator its idea of it.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/runtime/device.h"

namespace purnet::test {

// A (m x k) and B (n x k) as they are multiplied; both row by row.
struct ProbedOperands {
    std::vector<float> a, b;
};

class Prober {
public:
    explicit Prober(Device device) : device_(device) {}

    // ldmatrix of four 8 x 8 matrices whose elements are numbered row by row: [32 lanes][4 registers], two elements a register.
    std::vector<uint32_t> matrices(bool transposed) const;
    // mma.sync m16n8k16 of bf16: [32 lanes][4 sums].
    std::vector<float> warp_product(const ProbedOperands& operands) const;

    // Whether the device has the instructions of sm_90a, and this build code for them. What follows asks for it.
    bool has_sm90() const;
    // wgmma of 64 x 64 x 64, with the axis of the sum along the rows of an operand's tile or across them: [128 threads][32 sums].
    std::vector<float> group_product(bool a_along_sum, bool b_along_sum, const ProbedOperands& operands) const;
    // The descriptors of the four instructions of such a product, at shared address 0x400, panels 8 KiB apart.
    std::vector<uint64_t> descriptors(bool along_sum) const;

    // Boxes as they lie in shared memory: the number in the first element of each 16-byte chunk, [rows][8 chunks]. Numbers count the
    // chunks of the tensor from 1 on; 0 lies outside.
    std::vector<uint16_t> box(int64_t columns, int64_t rows, int box_rows, int column, int row) const;

    // A picture of 64 channels whose pixels are numbered from 1 on; 64 places of it (kernels/tile/tensor_map.h), each displaced by
    // (by_h, by_w), from (n, h, w) on: [64 rows][8 chunks], 0 outside.
    struct Pixels {
        int64_t n, h, w, out_h, out_w;
        int stride, first_h, first_w;
        int at_n, at_h, at_w, by_h, by_w;
    };
    std::vector<uint16_t> pixels(const Pixels& pixels) const;

private:
    Device device_;
};

}  // namespace purnet::test
