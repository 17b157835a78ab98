// Convolutions by cuDNN through its graph interface, where it is installed (libraries.h).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/dtype.h"

namespace purnet::cuda::cudnn {

// Sizes and strides, in elements, in the order picture, channel, row, column; of a filter: output channel, input channel, row, column.
struct Tensor {
    std::array<int64_t, 4> sizes{}, strides{};
    DType type = DType::f32;

    auto operator<=>(const Tensor&) const = default;
};

enum class Direction { forward, data_gradient, filter_gradient };

// Cross-correlation of x with w in float32, y its result; the direction says which of the three is computed. Groups: channels of x / of w.
// Pairs: rows, columns.
struct Convolution {
    Direction direction = Direction::forward;
    Tensor x, w, y;
    std::array<int64_t, 2> pads_before{}, pads_after{}, strides{}, dilations{};

    auto operator<=>(const Convolution&) const = default;
};

// Bytes of workspace that a call is given.
inline constexpr size_t workspace = size_t{32} << 20;
inline constexpr size_t alignment = 16;  // bytes, of the three tensors

// What was found, for people.
LibraryReport report();
bool there();

// Whether the library is there and has a plan: the first of its own order (heuristic modes B, A, fallback) that can be built, fits into the
// workspace, and gives in every run the sums of products that the contract means, rounded to float32: not one that adds in a changing
// order, rounds float32 inputs (TF32), or goes by way of Winograd's or Fourier's transform. Built once, which may take a second, and kept.
// Not while launches are recorded.
bool takes(const Convolution& convolution);

// Launches and does not wait; nothing is allocated on the device. One of x, w, y is written. Error: names the call and the library's
// status.
void convolve(const Convolution& convolution, const void* x, const void* w, const void* y, void* workspace, void* stream);

}  // namespace purnet::cuda::cudnn
