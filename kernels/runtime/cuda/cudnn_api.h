// The part of cuDNN's graph interface that is used (NVIDIA cuDNN 9 documentation, "Graph API": descriptors with attributes), in our own
// words, so that building needs no header of it. Where nvcc finds that header, cudnn.cu compares.
#pragma once

#include <cstddef>
#include <cstdint>

namespace purnet::cuda::cudnn_api {

using Status = int;
inline constexpr Status success = 0;

using Handle = struct ContextOf*;
using Descriptor = void*;
using Stream = struct CUstream_st*;

enum Type : int { type_f32 = 0, type_bf16 = 9 };  // cudnnDataType_t
enum ConvolutionMode : int { cross_correlation = 1 };
enum HeuristicMode : int { heuristic_b = 1, heuristic_fallback = 2, heuristic_a = 3 };
enum NumericalNote : int {
    note_tensor_core = 0,  // of float32: inputs are rounded to TF32
    note_down_convert_inputs = 1,
    note_reduced_precision_reduction = 2,
    note_fft = 3,
    note_nondeterministic = 4,
    note_winograd = 5,
    note_winograd_4x4 = 6,
    note_winograd_6x6 = 7,
    note_winograd_13x13 = 8,
};
enum DescriptorType : int {
    descriptor_convolution = 1,
    descriptor_engine = 2,
    descriptor_engine_config = 3,
    descriptor_heuristic = 4,
    descriptor_plan = 5,
    descriptor_forward = 10,
    descriptor_backward_filter = 11,
    descriptor_backward_data = 12,
    descriptor_graph = 15,
    descriptor_variant_pack = 16,
    descriptor_tensor = 17,
};
// Of an attribute's elements.
enum ElementType : int {
    element_handle = 0,
    element_data_type = 1,
    element_int64 = 3,
    element_float = 4,
    element_pointer = 6,
    element_convolution_mode = 7,
    element_heuristic_mode = 8,
    element_numerical_note = 11,
    element_descriptor = 15,
};
enum Attribute : int {
    convolution_compute_type = 100,
    convolution_mode = 101,
    convolution_dilations = 102,
    convolution_strides = 103,
    convolution_pads_after = 104,
    convolution_pads_before = 105,
    convolution_spatial_dims = 106,
    heuristic_mode = 200,
    heuristic_graph = 201,
    heuristic_results = 202,
    engine_config_engine = 300,
    plan_handle = 400,
    plan_engine_config = 401,
    plan_workspace = 402,
    forward_alpha = 700,          // forward: alpha, beta, convolution, w, x, y
    backward_data_alpha = 706,    // convolution, w, dx, dy
    backward_filter_alpha = 712,  // convolution, dw, x, dy
    graph_handle = 800,
    graph_operations = 801,
    tensor_alignment = 900,
    tensor_type = 901,
    tensor_dimensions = 902,
    tensor_strides = 903,
    tensor_unique_id = 906,
    pack_unique_ids = 1000,
    pack_pointers = 1001,
    pack_workspace = 1003,
    engine_numerical_notes = 1303,
};

using GetVersion = size_t();
using GetErrorString = const char*(Status);
using GetLastErrorString = void(char*, size_t);  // of the last call that failed on this thread, some lines
using Create = Status(Handle*);
using SetStream = Status(Handle, Stream);
using CreateDescriptor = Status(DescriptorType, Descriptor*);
using DestroyDescriptor = Status(Descriptor);
using Finalize = Status(Descriptor);
using SetAttribute = Status(Descriptor, Attribute, ElementType, int64_t count, const void*);
using GetAttribute = Status(Descriptor, Attribute, ElementType, int64_t wanted, int64_t* count, void*);
using Execute = Status(Handle, Descriptor plan, Descriptor pack);

}  // namespace purnet::cuda::cudnn_api
