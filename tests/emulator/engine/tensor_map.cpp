#include "tests/emulator/engine/tensor_map.h"

#include <cstring>
#include <string_view>

#include "tests/emulator/include/cuda_runtime.h"

using purnet::emulator::TensorMap;

namespace {

// What both kinds of map have in common; false where the driver would refuse.
bool fill_in(TensorMap& m, CUtensorMapDataType type, cuuint32_t rank, void* address, const cuuint64_t* sizes, const cuuint64_t* strides,
             const cuuint32_t* steps, CUtensorMapSwizzle swizzle) {
    if (type != CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 || rank < 1 || rank > 5) return false;
    if (swizzle != CU_TENSOR_MAP_SWIZZLE_NONE && swizzle != CU_TENSOR_MAP_SWIZZLE_128B) return false;
    if (reinterpret_cast<uintptr_t>(address) % 16) return false;
    m = {};
    m.mark = purnet::emulator::tensor_map_mark;
    m.base = static_cast<char*>(address);
    m.rank = static_cast<uint8_t>(rank);
    m.swizzle_bytes = swizzle == CU_TENSOR_MAP_SWIZZLE_128B ? 128 : 0;
    m.strides[0] = 2;
    for (cuuint32_t i = 0; i < rank; ++i) {
        if (sizes[i] < 1 || sizes[i] > 0xffffffffull || steps[i] < 1 || steps[i] > 8) return false;
        m.sizes[i] = static_cast<uint32_t>(sizes[i]);
        m.steps[i] = i == 0 ? 1 : static_cast<uint8_t>(steps[i]);
        if (i == 0) continue;
        m.strides[i] = strides[i - 1];
        if (m.strides[i] % 16 || m.strides[i] >> 40) return false;
    }
    return true;
}

// The inner side of a box: multiples of 16 bytes, within the swizzle. Rows narrower than the swizzle's span are refused here alone:
// the documentation leaves open where they lie.
bool fits_inner(const TensorMap& m, cuuint32_t elements) {
    return elements >= 1 && elements <= 256 && elements * 2 % 16 == 0 && (m.swizzle_bytes == 0 || elements * 2 == m.swizzle_bytes);
}

CUresult write_map(CUtensorMap* map, const TensorMap& m) {
    *map = {};
    std::memcpy(map, &m, sizeof m);
    return CUDA_SUCCESS;
}

}  // namespace

CUresult cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* address, const cuuint64_t* sizes,
                                const cuuint64_t* strides, const cuuint32_t* box, const cuuint32_t* steps, CUtensorMapInterleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
    TensorMap m;
    if (!fill_in(m, type, rank, address, sizes, strides, steps, swizzle) || !fits_inner(m, box[0])) return CUDA_ERROR_INVALID_VALUE;
    for (cuuint32_t i = 0; i < rank; ++i) {
        if (box[i] < 1 || box[i] > 256) return CUDA_ERROR_INVALID_VALUE;
        m.box[i] = static_cast<uint16_t>(box[i]);
    }
    return write_map(map, m);
}

CUresult cuTensorMapEncodeIm2col(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* address, const cuuint64_t* sizes,
                                 const cuuint64_t* strides, const int* lower, const int* upper, cuuint32_t channels, cuuint32_t pixels,
                                 const cuuint32_t* steps, CUtensorMapInterleave, CUtensorMapSwizzle swizzle, CUtensorMapL2promotion,
                                 CUtensorMapFloatOOBfill) {
    TensorMap m;
    if (rank != 4 || !fill_in(m, type, rank, address, sizes, strides, steps, swizzle) || !fits_inner(m, channels))
        return CUDA_ERROR_INVALID_VALUE;
    if (pixels < 1 || pixels > 1024) return CUDA_ERROR_INVALID_VALUE;
    m.im2col = 1;
    m.box[0] = static_cast<uint16_t>(channels);
    m.box[1] = static_cast<uint16_t>(pixels);
    for (int i = 0; i < 2; ++i) {
        if (lower[i] < -128 || lower[i] > 127 || upper[i] < -128 || upper[i] > 127) return CUDA_ERROR_INVALID_VALUE;
        if (static_cast<int64_t>(sizes[i + 1]) + upper[i] - lower[i] < 1) return CUDA_ERROR_INVALID_VALUE;
        m.lower[i] = static_cast<int8_t>(lower[i]);
        m.upper[i] = static_cast<int8_t>(upper[i]);
    }
    return write_map(map, m);
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
    const std::string_view wanted = name;
    *function = wanted == "cuTensorMapEncodeTiled"    ? reinterpret_cast<void*>(cuTensorMapEncodeTiled)
                : wanted == "cuTensorMapEncodeIm2col" ? reinterpret_cast<void*>(cuTensorMapEncodeIm2col)
                                                      : nullptr;
    *result = *function ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
    return cudaSuccess;
}
