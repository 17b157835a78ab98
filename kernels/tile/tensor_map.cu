#include "kernels/tile/tensor_map.h"

#include <algorithm>

#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/scope.h"

namespace purnet::tile {
namespace {

// The driver's function of that name: the runtime finds it, so that nothing links against the driver's library.
template <class F>
F driver_function(const char* name) {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
#if CUDART_VERSION >= 12050
    cuda::check(cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result), "cudaGetDriverEntryPointByVersion");
#else
    cuda::check(cudaGetDriverEntryPoint(name, &found, cudaEnableDefault, &result), "cudaGetDriverEntryPoint");
#endif
    require(found && result == cudaDriverEntryPointSuccess, "the CUDA driver has no ", name, ": a driver for CUDA 12.0 or newer does");
    return reinterpret_cast<F>(found);
}

constexpr int most_rank = 5;
constexpr int64_t element = 2;  // bytes

struct Shape {
    cuuint64_t sizes[most_rank] = {}, strides[most_rank] = {};  // strides of axes 1 on, in bytes
};

Shape packed(std::initializer_list<int64_t> sizes) {
    Shape shape;
    int64_t stride = element;
    int axis = 0;
    for (const int64_t size : sizes) {
        shape.sizes[axis] = static_cast<cuuint64_t>(size);
        if (axis > 0) shape.strides[axis - 1] = static_cast<cuuint64_t>(stride);
        stride *= size;
        ++axis;
    }
    return shape;
}

void check_encoded(CUresult status, const char* what, const Shape& shape, int rank) {
    if (status == CUDA_SUCCESS) return;
    const std::string scope = scope_text();
    std::string sizes;
    for (int axis = 0; axis < rank; ++axis) sizes += concat(axis ? " x " : "", shape.sizes[axis]);
    fail(scope, scope.empty() ? "" : ": ", "the CUDA driver refused a tensor map of ", what, " in ", sizes,
         ", the fastest axis first (CUresult ", static_cast<int>(status), ")");
}

}  // namespace

CUtensorMap box_map(const void* tensor, std::initializer_list<int64_t> sizes, std::initializer_list<int> box) {
    static const auto encode = driver_function<decltype(&cuTensorMapEncodeTiled)>("cuTensorMapEncodeTiled");
    require(sizes.size() == box.size() && sizes.size() >= 1 && sizes.size() <= most_rank, "a box of ", box.size(), " axes in a tensor of ",
            sizes.size(), ": 1 to ", most_rank, " exist");
    const Shape shape = packed(sizes);
    cuuint32_t wanted[most_rank] = {}, steps[most_rank] = {1, 1, 1, 1, 1};
    std::transform(box.begin(), box.end(), wanted, [](int size) { return static_cast<cuuint32_t>(size); });
    CUtensorMap map{};
    check_encoded(encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, static_cast<cuuint32_t>(sizes.size()), const_cast<void*>(tensor),
                         shape.sizes, shape.strides, wanted, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                         CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                  "boxes", shape, static_cast<int>(sizes.size()));
    return map;
}

// The driver's arrays of corners begin with the fastest axis, w, as its arrays of sizes do.
CUtensorMap pixel_map(const void* tensor, const PixelGrid& g, int pixels) {
    static const auto encode = driver_function<decltype(&cuTensorMapEncodeIm2col)>("cuTensorMapEncodeIm2col");
    const Shape shape = packed({g.c, g.w, g.h, g.n});
    const int first[] = {g.first_w, g.first_h}, last[] = {static_cast<int>(g.last_w()), static_cast<int>(g.last_h())};
    const auto stride = static_cast<cuuint32_t>(g.stride);
    const cuuint32_t steps[] = {1, stride, stride, 1};
    CUtensorMap map{};
    check_encoded(encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, const_cast<void*>(tensor), shape.sizes, shape.strides, first, last,
                         map_row, static_cast<cuuint32_t>(pixels), steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                         CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                  "pixels", shape, 4);
    return map;
}

}  // namespace purnet::tile
