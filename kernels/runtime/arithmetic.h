// What float32 products on tensor cores may round.
#pragma once

namespace purnet {

// Whether products of float32 (convolutions, linear layers; not depthwise ones) may take their operands in TF32 where the device has
// tensor cores for it: 8 exponent and 10 fraction bits, rounded to nearest, products exact, sums in float32. Nobody's float32 is rounded
// unasked. The CPU multiplies float32 in any case.
bool tf32_allowed();

// Says it for the process while alive, then what was said before.
class AllowTf32 {
public:
    explicit AllowTf32(bool allowed = true);
    ~AllowTf32();
    AllowTf32(const AllowTf32&) = delete;
    AllowTf32& operator=(const AllowTf32&) = delete;

private:
    bool before_;
};

}  // namespace purnet
