// What a convolution is expected to move by each way that it has, for the tests that ask it of one kind of launch or another.
#pragma once

#include "tests/emulator/costs.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <string>

#include "kernels/conv2d/conv2d.h"
#include "kernels/runtime/arithmetic.h"

namespace purnet::test {

// A way, and what it takes.
struct Kernel {
    std::string way;
    int rows, columns;       // its tile
    int device;              // 0: compute capability 9.0, 1: 8.0
    double sectors;          // of the result, for each of its own
    double turns[3];         // of the worst place in shared memory, for each ideal one: forward, data gradient, weight gradient
    bool by_threads = true;  // not by the copy engine, which is not counted
    double slack = 0;
};

inline double tiles(int64_t size, int64_t tile) { return static_cast<double>((size + tile - 1) / tile); }

// A is read once for each column of tiles, B once for each row of tiles (conv2d_products.h), but for what lies outside of the picture.
// Arrays x, y and weight, whichever of them is the result.
Movement expected(const conv2d::Problem& p, conv2d::Pass pass, const Kernel& kernel);

// While it lives that kernel's device is there, and choices know its way for the pass of p. One that begins with tf32 is taken in TF32.
class Taken {
public:
    Taken(const Kernel& kernel, DType type, const conv2d::Problem& p, conv2d::Pass pass);
    ~Taken();

    const std::string& what() const { return what_; }

private:
    AllowTf32 tf32_;
    std::string what_;
};

// Two rows and one or two columns of 64 and a picture with borders; columns of 128; with steps of two, one row of 64.
inline const conv2d::Problem whole{.n = 2, .h = 8, .w = 8, .c = 64, .o = 128, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};
inline const conv2d::Problem wide{.n = 2, .h = 8, .w = 8, .c = 128, .o = 128, .pads = {0, 0, 0, 0}};
inline const conv2d::Problem halved{.n = 2, .h = 16, .w = 8, .c = 64, .o = 64, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 1, 1, 1}};

// The pass of p by that way.
template <class T>
void check_way(const conv2d::Problem& p, conv2d::Pass pass, const Kernel& kernel, const Movement& movement);

}  // namespace purnet::test
#endif
