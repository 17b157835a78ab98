// A library with the functions of cuDNN's graph interface, as far as they are used, for tests without a device: descriptors are lists of
// attributes, and a plan computes its convolution by them, element by element, on memory that is the host's as the emulator's is. It
// refuses attributes that a descriptor does not have, those of a wrong type, and what is not finalized. FAKE_VERSION: what it says it is.
#include "tests/emulator/libraries/fake_cudnn.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "kernels/runtime/cuda/cudnn_api.h"
#include "kernels/runtime/dtype.h"

#ifndef FAKE_VERSION
#define FAKE_VERSION 91300
#endif

using namespace purnet::cuda::cudnn_api;
using purnet::bf16;

namespace purnet::cuda::cudnn_api {
struct ContextOf {
    Stream stream = nullptr;
};
}  // namespace purnet::cuda::cudnn_api

extern "C" {
purnet::test::FakeCudnn purnet_fake_cudnn;
}

namespace {

constexpr Status bad_param = 2000, not_finalized = 2004, wrong_type = 2011, not_supported = 3000;
constexpr int64_t needed_workspace = int64_t{1} << 20;

struct Values {
    ElementType type;
    int64_t count;
    std::vector<unsigned char> bytes;
};
struct Any {
    DescriptorType type;
    bool finalized = false;
    std::map<int, Values> attributes = {};
    int engine = 0;        // of a configuration or an engine
    Any* graph = nullptr;  // of a configuration
};

size_t size_of(ElementType type) {
    return type == element_int64 || type == element_pointer || type == element_handle || type == element_descriptor ? 8 : 4;
}

// Attribute -> type of its elements.
std::map<int, ElementType> allowed(DescriptorType type) {
    const auto operation = [](int first) {
        return std::map<int, ElementType>{{first, element_float},          {first + 1, element_float},
                                          {first + 2, element_descriptor}, {first + 3, element_descriptor},
                                          {first + 4, element_descriptor}, {first + 5, element_descriptor}};
    };
    switch (type) {
        case descriptor_tensor:
            return {{900, element_int64}, {901, element_data_type}, {902, element_int64}, {903, element_int64}, {906, element_int64}};
        case descriptor_convolution:
            return {{100, element_data_type}, {101, element_convolution_mode},
                    {102, element_int64},     {103, element_int64},
                    {104, element_int64},     {105, element_int64},
                    {106, element_int64}};
        case descriptor_forward: return operation(700);
        case descriptor_backward_data: return operation(706);
        case descriptor_backward_filter: return operation(712);
        case descriptor_graph: return {{800, element_handle}, {801, element_descriptor}};
        case descriptor_heuristic: return {{200, element_heuristic_mode}, {201, element_descriptor}};
        case descriptor_plan: return {{400, element_handle}, {401, element_descriptor}};
        case descriptor_variant_pack: return {{1000, element_int64}, {1001, element_pointer}, {1003, element_pointer}};
        default: return {};
    }
}

template <class T>
T value(const Any* d, int attribute, int64_t i = 0) {
    T v;
    std::memcpy(&v, d->attributes.at(attribute).bytes.data() + static_cast<size_t>(i) * sizeof(T), sizeof(T));
    return v;
}
Any* child(const Any* d, int attribute) { return value<Any*>(d, attribute); }

struct Tensor {
    int64_t size[4], stride[4], id;
    Type type;
    void* data = nullptr;

    explicit Tensor(const Any* d) : id(value<int64_t>(d, tensor_unique_id)), type(value<Type>(d, tensor_type)) {
        for (int i = 0; i < 4; ++i) size[i] = value<int64_t>(d, tensor_dimensions, i), stride[i] = value<int64_t>(d, tensor_strides, i);
    }
    int64_t at(int64_t a, int64_t b, int64_t c, int64_t d) const { return a * stride[0] + b * stride[1] + c * stride[2] + d * stride[3]; }
    double load(int64_t i) const {
        return type == type_f32 ? static_cast<const float*>(data)[i] : static_cast<float>(static_cast<const bf16*>(data)[i]);
    }
    void store(const std::map<int64_t, double>& values) const {
        for (const auto& [i, v] : values)
            if (type == type_f32)
                static_cast<float*>(data)[i] = static_cast<float>(v);
            else
                static_cast<bf16*>(data)[i] = bf16(static_cast<float>(v));
    }
    std::map<int64_t, double> zeros() const {
        std::map<int64_t, double> all;
        for (int64_t a = 0; a < size[0]; ++a)
            for (int64_t b = 0; b < size[1]; ++b)
                for (int64_t c = 0; c < size[2]; ++c)
                    for (int64_t d = 0; d < size[3]; ++d) all[at(a, b, c, d)] = 0;
        return all;
    }
};

int first_attribute(const Any* operation) {
    return operation->type == descriptor_forward ? 700 : operation->type == descriptor_backward_data ? 706 : 712;
}

// Sizes as the formula of a convolution wants them.
bool fits(const Any* operation) {
    const int first = first_attribute(operation);
    const Any* const c = child(operation, first + 2);
    const Tensor w(child(operation, first + 3)), x(child(operation, first + 4)), y(child(operation, first + 5));
    if (x.size[0] != y.size[0] || w.size[0] != y.size[1] || x.size[1] % w.size[1] || w.id == x.id || x.id == y.id || w.id == y.id ||
        value<int64_t>(c, convolution_spatial_dims) != 2 || value<int>(c, convolution_mode) != cross_correlation ||
        value<int>(c, convolution_compute_type) != type_f32 || value<float>(operation, first) != 1 ||
        value<float>(operation, first + 1) != 0)
        return false;
    for (int i = 0; i < 2; ++i) {
        const int64_t span = x.size[2 + i] + value<int64_t>(c, convolution_pads_before, i) + value<int64_t>(c, convolution_pads_after, i) -
                             (w.size[2 + i] - 1) * value<int64_t>(c, convolution_dilations, i) - 1;
        if (y.size[2 + i] != span / value<int64_t>(c, convolution_strides, i) + 1) return false;
    }
    return true;
}

void compute(const Any* operation, const std::map<int64_t, void*>& pointers) {
    const int first = first_attribute(operation);
    const Any* const c = child(operation, first + 2);
    Tensor w(child(operation, first + 3)), x(child(operation, first + 4)), y(child(operation, first + 5));
    for (Tensor* t : {&w, &x, &y}) t->data = pointers.at(t->id);
    const Tensor& result = operation->type == descriptor_forward ? y : operation->type == descriptor_backward_data ? x : w;
    std::map<int64_t, double> sums = result.zeros();
    const int64_t groups = x.size[1] / w.size[1];
    const auto place = [&](int64_t out, int64_t tap, int i) {
        return out * value<int64_t>(c, convolution_strides, i) - value<int64_t>(c, convolution_pads_before, i) +
               tap * value<int64_t>(c, convolution_dilations, i);
    };
    for (int64_t n = 0; n < y.size[0]; ++n)
        for (int64_t o = 0; o < w.size[0]; ++o)
            for (int64_t p = 0; p < y.size[2]; ++p)
                for (int64_t q = 0; q < y.size[3]; ++q)
                    for (int64_t ky = 0; ky < w.size[2]; ++ky)
                        for (int64_t kx = 0; kx < w.size[3]; ++kx) {
                            const int64_t row = place(p, ky, 0), column = place(q, kx, 1);
                            if (row < 0 || column < 0 || row >= x.size[2] || column >= x.size[3]) continue;
                            for (int64_t i = 0; i < w.size[1]; ++i) {
                                const int64_t at_x = x.at(n, o / (w.size[0] / groups) * w.size[1] + i, row, column);
                                const int64_t at_w = w.at(o, i, ky, kx), at_y = y.at(n, o, p, q);
                                if (&result == &y)
                                    sums.at(at_y) += x.load(at_x) * w.load(at_w);
                                else if (&result == &x)
                                    sums.at(at_x) += y.load(at_y) * w.load(at_w);
                                else
                                    sums.at(at_w) += x.load(at_x) * y.load(at_y);
                            }
                        }
    result.store(sums);
}

// Best first: one adds in a changing order, many round float32 to TF32, as cuDNN 9.19 proposes them, one can't be built, one wants too much
// memory, the last is it.
enum Engine { changing_order, tensor_core, not_buildable, too_large, right_one };
constexpr int64_t tensor_core_engines = 40, proposals = tensor_core_engines + 4;
Engine engine_of(int64_t i) {
    if (i == 0) return changing_order;
    return i <= tensor_core_engines ? tensor_core : static_cast<Engine>(i - tensor_core_engines + 1);
}
bool is_float(const Any* graph) {
    const Any* const operation = child(graph, graph_operations);
    return Tensor(child(operation, first_attribute(operation) + 4)).type == type_f32;
}

// cuDNN 9.19 knows no weight gradient that is float32 of bf16.
bool one_type(const Any* graph) {
    const Any* const operation = child(graph, graph_operations);
    const int first = first_attribute(operation);
    return Tensor(child(operation, first + 3)).type == Tensor(child(operation, first + 4)).type;
}

}  // namespace

extern "C" {

size_t cudnnGetVersion() { return FAKE_VERSION; }
const char* cudnnGetErrorString(Status status) { return status == 5000 ? "execution failed, says the fake" : "other, says the fake"; }
void cudnnGetLastErrorString(char* text, size_t size) { std::strncpy(text, "a reason\nand more of it", size); }

Status cudnnCreate(Handle* handle) {
    if (purnet_fake_cudnn.fail_create) return purnet_fake_cudnn.fail_create;
    *handle = new ContextOf;
    return success;
}
Status cudnnSetStream(Handle handle, Stream stream) {
    handle->stream = stream;
    return success;
}

Status cudnnBackendCreateDescriptor(DescriptorType type, Descriptor* descriptor) {
    *descriptor = new Any{type};
    ++purnet_fake_cudnn.descriptors;
    return success;
}
Status cudnnBackendDestroyDescriptor(Descriptor descriptor) {
    delete static_cast<Any*>(descriptor);
    --purnet_fake_cudnn.descriptors;
    return success;
}

Status cudnnBackendSetAttribute(Descriptor descriptor, Attribute attribute, ElementType type, int64_t count, const void* values) {
    Any* const d = static_cast<Any*>(descriptor);
    const std::map<int, ElementType> known = allowed(d->type);
    const auto wanted = known.find(attribute);
    if (d->finalized || wanted == known.end()) return bad_param;
    if (wanted->second != type) return wrong_type;
    if (type == element_descriptor)
        for (int64_t i = 0; i < count; ++i)
            if (const Any* const part = static_cast<const Any* const*>(values)[i];
                part->type != descriptor_engine_config && !part->finalized)
                return not_finalized;
    const auto* const bytes = static_cast<const unsigned char*>(values);
    d->attributes[attribute] = {type, count, {bytes, bytes + static_cast<size_t>(count) * size_of(type)}};
    return success;
}

Status cudnnBackendFinalize(Descriptor descriptor) {
    Any* const d = static_cast<Any*>(descriptor);
    for (const auto& [attribute, type] : allowed(d->type))
        if (!d->attributes.count(attribute)) return bad_param;
    if (d->type == descriptor_tensor && (d->attributes.at(tensor_dimensions).count != 4 || d->attributes.at(tensor_strides).count != 4 ||
                                         value<int64_t>(d, tensor_alignment) != 16))
        return bad_param;
    if (d->type == descriptor_graph) {
        if (purnet_fake_cudnn.fail_graph) return purnet_fake_cudnn.fail_graph;
        if (!fits(child(d, graph_operations))) return bad_param;
    }
    // Mode B proposes nothing, as on a device that it does not know.
    if (d->type == descriptor_heuristic && value<int>(d, heuristic_mode) == heuristic_b) return not_supported;
    if (d->type == descriptor_plan && child(d, plan_engine_config)->engine == not_buildable) return not_supported;
    d->finalized = true;
    return success;
}

Status cudnnBackendGetAttribute(Descriptor descriptor, Attribute attribute, ElementType type, int64_t wanted, int64_t* count,
                                void* values) {
    const Any* const d = static_cast<const Any*>(descriptor);
    if (d->type == descriptor_heuristic && attribute == heuristic_results && type == element_descriptor) {
        *count = one_type(child(d, heuristic_graph)) ? proposals - (purnet_fake_cudnn.only_others ? 1 : 0) : 0;
        for (int64_t i = 0; i < std::min(wanted, *count); ++i) {
            Any* const configuration = static_cast<Any* const*>(values)[i];
            configuration->engine = engine_of(i);
            configuration->graph = child(d, heuristic_graph);
        }
        return d->finalized ? success : not_finalized;
    }
    if (d->type == descriptor_engine_config && attribute == engine_config_engine && type == element_descriptor && wanted == 1) {
        Any* const engine = *static_cast<Any**>(values);
        engine->engine = d->engine;
        engine->graph = d->graph;
        *count = 1;
        return success;
    }
    if (d->type == descriptor_engine && attribute == engine_numerical_notes && type == element_numerical_note && wanted >= 10) {
        auto* const notes = static_cast<NumericalNote*>(values);
        *count = 0;
        if (d->engine == changing_order) notes[(*count)++] = note_nondeterministic;
        if (d->engine == tensor_core || (!is_float(d->graph) && d->engine == right_one)) notes[(*count)++] = note_tensor_core;
        return success;
    }
    if (d->type == descriptor_plan && attribute == plan_workspace && type == element_int64 && wanted == 1) {
        *count = 1;
        const int64_t bytes = child(d, plan_engine_config)->engine == too_large ? int64_t{1} << 40 : needed_workspace;
        std::memcpy(values, &bytes, sizeof bytes);
        return d->finalized ? success : not_finalized;
    }
    return bad_param;
}

Status cudnnBackendExecute(Handle handle, Descriptor plan, Descriptor pack) {
    if (purnet_fake_cudnn.fail_execute) return purnet_fake_cudnn.fail_execute;
    const Any *const p = static_cast<const Any*>(plan), *const v = static_cast<const Any*>(pack);
    if (!handle || !p->finalized || !v->finalized) return not_finalized;
    const Any* const configuration = child(p, plan_engine_config);
    if (configuration->engine != right_one && !(configuration->engine == tensor_core && !is_float(configuration->graph))) return bad_param;
    std::map<int64_t, void*> pointers;
    for (int64_t i = 0; i < v->attributes.at(pack_unique_ids).count; ++i)
        pointers[value<int64_t>(v, pack_unique_ids, i)] = value<void*>(v, pack_pointers, i);
    std::memset(value<void*>(v, pack_workspace), 0xff, needed_workspace);  // it is the library's for the time of the call
    compute(child(configuration->graph, graph_operations), pointers);
    ++purnet_fake_cudnn.convolutions;
    purnet_fake_cudnn.stream = handle->stream;
    return success;
}
}
