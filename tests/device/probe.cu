#include "tests/device/probe.h"

#include "kernels/conv2d/conv2d_sm90.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/shared.h"
#include "kernels/runtime/memory.h"
#include "kernels/tile/matrix.h"
#include "kernels/tile/tensor_map.h"
#include "kernels/tile/warpgroup.h"

namespace purnet::test {
namespace {

using tile::Along;

__global__ void matrices_kernel(uint32_t* out, bool transposed) {
    SHARED(unsigned short, numbers, 256);
    const int lane = static_cast<int>(threadIdx.x);
    for (int i = lane; i < 256; i += 32) numbers[i] = static_cast<unsigned short>(i);
    __syncthreads();
    uint32_t r[4];
    const uint32_t row = ptx::shared_address(&numbers[8 * lane]);
    if (transposed)
        ptx::load_matrices_transposed(r, row);
    else
        ptx::load_matrices(r, row);
    for (int m = 0; m < 4; ++m) out[4 * lane + m] = r[m];
}

// Fragments filled by the pattern of ptx.h, no ldmatrix on the way.
__global__ void warp_product_kernel(const bf16* a, const bf16* b, float* out) {
    const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
    const auto pair = [](const bf16* at) { return *reinterpret_cast<const uint32_t*>(at); };
    const uint32_t ra[4] = {pair(a + g * 16 + 2 * t), pair(a + (g + 8) * 16 + 2 * t), pair(a + g * 16 + 2 * t + 8),
                            pair(a + (g + 8) * 16 + 2 * t + 8)};
    const uint32_t rb[2] = {pair(b + g * 16 + 2 * t), pair(b + g * 16 + 2 * t + 8)};
    float d[4] = {};
    ptx::mma_bf16(d, ra, rb);
    for (int e = 0; e < 4; ++e) out[4 * lane + e] = d[e];
}

// Element (line, term) of an operand of 64 lines to its place in a tile.
template <Along Axis>
__device__ void put_element(unsigned char* tile, int line, int term, bf16 value) {
    const int row = Axis == Along::k ? line : term, column = Axis == Along::k ? term : line;
    const uint32_t at = tile::swizzled<128>(static_cast<uint32_t>(row), static_cast<uint32_t>(column) / 8);
    *reinterpret_cast<bf16*>(tile + at + column % 8 * 2) = value;
}

template <Along AxisA, Along AxisB>
__global__ void group_product_kernel(const bf16* a, const bf16* b, float* out) {
    if constexpr (ptx::sm90a) {
        SHARED_DYNAMIC(unsigned char, memory);
        const int thread = static_cast<int>(threadIdx.x);
        for (int i = thread; i < 64 * 64; i += 128) {
            put_element<AxisA>(memory, i / 64, i % 64, a[i]);
            put_element<AxisB>(memory + 64 * 128, i / 64, i % 64, b[i]);
        }
        ptx::fence_async_proxy();
        __syncthreads();
        tile::GroupAccumulator<64> sum{};
        const uint32_t base = ptx::shared_address(memory);
        ptx::wgmma_fence();
        tile::multiply_tile<AxisA, AxisB>(sum, base, base + 64 * 128, false);
        ptx::wgmma_commit();
        ptx::wgmma_wait<0>(sum.at);
        for (int i = 0; i < sum.count; ++i) out[thread * sum.count + i] = sum.at[i];
    }
}

__global__ void descriptors_kernel(uint64_t* out, bool along_sum) {
    const int step = static_cast<int>(threadIdx.x);
    out[step] = along_sum ? tile::describe_step<Along::k>(0x400, step, 64 * 128) : tile::describe_step<Along::other>(0x400, step, 64 * 128);
}

// Brings one box and writes the first element of each chunk as it lies.
template <class Copy>
__device__ void show(uint16_t* out, int rows, const Copy& copy) {
    SHARED_DYNAMIC(unsigned char, memory);
    SHARED(uint64_t, barrier, 1);
    const uint32_t at = ptx::shared_address(barrier);
    if (threadIdx.x == 0) {
        ptx::mbarrier_init(at, 1);
        ptx::fence_mbarrier_init();
        ptx::mbarrier_arrive_expect(at, static_cast<unsigned>(rows) * 128);
        copy(ptx::shared_address(memory), at);
    }
    __syncthreads();
    ptx::mbarrier_wait(at, 0);
    for (int i = static_cast<int>(threadIdx.x); i < rows * 8; i += static_cast<int>(blockDim.x))
        out[i] = *reinterpret_cast<const uint16_t*>(memory + 16 * i);
    __syncthreads();
    if (threadIdx.x == 0) ptx::mbarrier_invalidate(at);
}

__global__ void box_kernel(const __grid_constant__ CUtensorMap map, uint16_t* out, int rows, int column, int row) {
    if constexpr (ptx::sm90a) show(out, rows, [&](uint32_t to, uint32_t barrier) { ptx::copy_box(to, &map, barrier, column, row); });
}

__global__ void pixels_kernel(const __grid_constant__ CUtensorMap map, uint16_t* out, int n, int h, int w, int by_h, int by_w) {
    if constexpr (ptx::sm90a)
        show(out, 64, [&](uint32_t to, uint32_t barrier) { ptx::copy_pixels(to, &map, barrier, 0, w, h, n, by_w, by_h); });
}

// launch(out) fills `count` values on the device.
template <class T, class Launch>
std::vector<T> computed(Device device, size_t count, const Launch& launch) {
    Block block(device, count * sizeof(T));
    launch(static_cast<T*>(block.data()));
    std::vector<T> values(count);
    copy_bytes(values.data(), Device{}, block.data(), device, block.bytes());
    return values;
}

template <class T>
Block on_device(Device device, const std::vector<T>& values) {
    Block block(device, values.size() * sizeof(T));
    copy_bytes(block.data(), device, values.data(), Device{}, block.bytes());
    return block;
}

// products(a, b, out): of operands in bf16.
template <class Launch>
std::vector<float> product(Device device, const ProbedOperands& operands, size_t count, const Launch& launch) {
    const auto rounded = [&](const std::vector<float>& values) {
        std::vector<bf16> list;
        for (const float value : values) list.push_back(bf16(value));
        return on_device(device, list);
    };
    const Block a = rounded(operands.a), b = rounded(operands.b);
    return computed<float>(device, count,
                           [&](float* out) { launch(static_cast<const bf16*>(a.data()), static_cast<const bf16*>(b.data()), out); });
}

// Rows of 64 elements and more, of which every chunk of 8 begins with a number: the chunk's, or of `each` chunks together.
Block numbered(Device device, int64_t chunks, int64_t each) {
    std::vector<uint16_t> values(static_cast<size_t>(chunks) * 8, 0);
    for (int64_t i = 0; i < chunks; ++i) values[static_cast<size_t>(8 * i)] = static_cast<uint16_t>(i / each + 1);
    return on_device(device, values);
}

}  // namespace

std::vector<uint32_t> Prober::matrices(bool transposed) const {
    return computed<uint32_t>(device_, 32 * 4, [&](uint32_t* out) { cuda::launch(matrices_kernel, 1, 32, 0, nullptr, out, transposed); });
}

std::vector<float> Prober::warp_product(const ProbedOperands& operands) const {
    return product(device_, operands, 32 * 4,
                   [](const bf16* a, const bf16* b, float* out) { cuda::launch(warp_product_kernel, 1, 32, 0, nullptr, a, b, out); });
}

bool Prober::has_sm90() const { return conv2d::implicit::sm90::device_can(); }

std::vector<float> Prober::group_product(bool a_along_sum, bool b_along_sum, const ProbedOperands& operands) const {
    auto* kernel = a_along_sum   ? b_along_sum ? group_product_kernel<Along::k, Along::k> : group_product_kernel<Along::k, Along::other>
                     : b_along_sum ? group_product_kernel<Along::other, Along::k>
                                 : group_product_kernel<Along::other, Along::other>;
    return product(device_, operands, 128 * 32,
                   [&](const bf16* a, const bf16* b, float* out) { cuda::launch(kernel, 1, 128, 2 * 64 * 128, nullptr, a, b, out); });
}

std::vector<uint64_t> Prober::descriptors(bool along_sum) const {
    return computed<uint64_t>(device_, 4, [&](uint64_t* out) { cuda::launch(descriptors_kernel, 1, 4, 0, nullptr, out, along_sum); });
}

std::vector<uint16_t> Prober::box(int64_t columns, int64_t rows, int box_rows, int column, int row) const {
    const Block tensor = numbered(device_, columns / 8 * rows, 1);
    const CUtensorMap map = tile::box_map(tensor.data(), {columns, rows}, {tile::map_row, box_rows});
    return computed<uint16_t>(device_, static_cast<size_t>(box_rows) * 8, [&](uint16_t* out) {
        cuda::launch(box_kernel, 1, 32, static_cast<size_t>(box_rows) * 128, nullptr, map, out, box_rows, column, row);
    });
}

std::vector<uint16_t> Prober::pixels(const Pixels& p) const {
    const Block tensor = numbered(device_, p.n * p.h * p.w * 8, 8);
    const CUtensorMap map = tile::pixel_map(tensor.data(), {p.n, p.h, p.w, 64, p.out_h, p.out_w, p.stride, p.first_h, p.first_w}, 64);
    return computed<uint16_t>(device_, 64 * 8, [&](uint16_t* out) {
        cuda::launch(pixels_kernel, 1, 32, 64 * 128, nullptr, map, out, p.at_n, p.at_h, p.at_w, p.by_h, p.by_w);
    });
}

}  // namespace purnet::test
