#include "kernels/runtime/cuda/cudnn.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "kernels/runtime/cuda/cudnn_api.h"
#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/cuda/libraries.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/scope.h"

#if defined(__NVCC__) && __has_include(<cudnn_graph.h>)
#include <cudnn_graph.h>
#define PURNET_CUDNN_HEADER
#endif

namespace purnet::cuda::cudnn {
namespace {

using namespace cudnn_api;

#ifdef PURNET_CUDNN_HEADER
#define PURNET_SAME(ours, theirs) static_assert(static_cast<int>(ours) == static_cast<int>(theirs))
PURNET_SAME(success, CUDNN_STATUS_SUCCESS);
PURNET_SAME(type_f32, CUDNN_DATA_FLOAT);
PURNET_SAME(type_bf16, CUDNN_DATA_BFLOAT16);
PURNET_SAME(cross_correlation, CUDNN_CROSS_CORRELATION);
PURNET_SAME(heuristic_b, CUDNN_HEUR_MODE_B);
PURNET_SAME(heuristic_fallback, CUDNN_HEUR_MODE_FALLBACK);
PURNET_SAME(heuristic_a, CUDNN_HEUR_MODE_A);
PURNET_SAME(note_tensor_core, CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
PURNET_SAME(note_down_convert_inputs, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
PURNET_SAME(note_reduced_precision_reduction, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION);
PURNET_SAME(note_fft, CUDNN_NUMERICAL_NOTE_FFT);
PURNET_SAME(note_nondeterministic, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
PURNET_SAME(note_winograd, CUDNN_NUMERICAL_NOTE_WINOGRAD);
PURNET_SAME(note_winograd_4x4, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4);
PURNET_SAME(note_winograd_6x6, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6);
PURNET_SAME(note_winograd_13x13, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13);
PURNET_SAME(descriptor_convolution, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
PURNET_SAME(descriptor_engine, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
PURNET_SAME(descriptor_engine_config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
PURNET_SAME(descriptor_heuristic, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
PURNET_SAME(descriptor_plan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
PURNET_SAME(descriptor_forward, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
PURNET_SAME(descriptor_backward_filter, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR);
PURNET_SAME(descriptor_backward_data, CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR);
PURNET_SAME(descriptor_graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
PURNET_SAME(descriptor_variant_pack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
PURNET_SAME(descriptor_tensor, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
PURNET_SAME(element_handle, CUDNN_TYPE_HANDLE);
PURNET_SAME(element_data_type, CUDNN_TYPE_DATA_TYPE);
PURNET_SAME(element_int64, CUDNN_TYPE_INT64);
PURNET_SAME(element_float, CUDNN_TYPE_FLOAT);
PURNET_SAME(element_pointer, CUDNN_TYPE_VOID_PTR);
PURNET_SAME(element_convolution_mode, CUDNN_TYPE_CONVOLUTION_MODE);
PURNET_SAME(element_heuristic_mode, CUDNN_TYPE_HEUR_MODE);
PURNET_SAME(element_numerical_note, CUDNN_TYPE_NUMERICAL_NOTE);
PURNET_SAME(element_descriptor, CUDNN_TYPE_BACKEND_DESCRIPTOR);
PURNET_SAME(convolution_compute_type, CUDNN_ATTR_CONVOLUTION_COMP_TYPE);
PURNET_SAME(convolution_mode, CUDNN_ATTR_CONVOLUTION_CONV_MODE);
PURNET_SAME(convolution_dilations, CUDNN_ATTR_CONVOLUTION_DILATIONS);
PURNET_SAME(convolution_strides, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES);
PURNET_SAME(convolution_pads_after, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
PURNET_SAME(convolution_pads_before, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
PURNET_SAME(convolution_spatial_dims, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS);
PURNET_SAME(heuristic_mode, CUDNN_ATTR_ENGINEHEUR_MODE);
PURNET_SAME(heuristic_graph, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
PURNET_SAME(heuristic_results, CUDNN_ATTR_ENGINEHEUR_RESULTS);
PURNET_SAME(engine_config_engine, CUDNN_ATTR_ENGINECFG_ENGINE);
PURNET_SAME(plan_handle, CUDNN_ATTR_EXECUTION_PLAN_HANDLE);
PURNET_SAME(plan_engine_config, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
PURNET_SAME(plan_workspace, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
PURNET_SAME(forward_alpha, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA);
PURNET_SAME(forward_alpha + 1, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA);
PURNET_SAME(forward_alpha + 2, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
PURNET_SAME(forward_alpha + 3, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W);
PURNET_SAME(forward_alpha + 4, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X);
PURNET_SAME(forward_alpha + 5, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y);
PURNET_SAME(backward_data_alpha, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA);
PURNET_SAME(backward_data_alpha + 1, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA);
PURNET_SAME(backward_data_alpha + 2, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC);
PURNET_SAME(backward_data_alpha + 3, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W);
PURNET_SAME(backward_data_alpha + 4, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX);
PURNET_SAME(backward_data_alpha + 5, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY);
PURNET_SAME(backward_filter_alpha, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA);
PURNET_SAME(backward_filter_alpha + 1, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA);
PURNET_SAME(backward_filter_alpha + 2, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC);
PURNET_SAME(backward_filter_alpha + 3, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW);
PURNET_SAME(backward_filter_alpha + 4, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X);
PURNET_SAME(backward_filter_alpha + 5, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY);
PURNET_SAME(graph_handle, CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
PURNET_SAME(graph_operations, CUDNN_ATTR_OPERATIONGRAPH_OPS);
PURNET_SAME(tensor_alignment, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT);
PURNET_SAME(tensor_type, CUDNN_ATTR_TENSOR_DATA_TYPE);
PURNET_SAME(tensor_dimensions, CUDNN_ATTR_TENSOR_DIMENSIONS);
PURNET_SAME(tensor_strides, CUDNN_ATTR_TENSOR_STRIDES);
PURNET_SAME(tensor_unique_id, CUDNN_ATTR_TENSOR_UNIQUE_ID);
PURNET_SAME(pack_unique_ids, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
PURNET_SAME(pack_pointers, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
PURNET_SAME(pack_workspace, CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
PURNET_SAME(engine_numerical_notes, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE);
#undef PURNET_SAME
static_assert(alike<GetVersion, decltype(cudnnGetVersion)> && alike<GetErrorString, decltype(cudnnGetErrorString)> &&
              alike<GetLastErrorString, decltype(cudnnGetLastErrorString)> && alike<Create, decltype(cudnnCreate)> &&
              alike<SetStream, decltype(cudnnSetStream)> && alike<CreateDescriptor, decltype(cudnnBackendCreateDescriptor)> &&
              alike<DestroyDescriptor, decltype(cudnnBackendDestroyDescriptor)> && alike<Finalize, decltype(cudnnBackendFinalize)> &&
              alike<SetAttribute, decltype(cudnnBackendSetAttribute)> && alike<GetAttribute, decltype(cudnnBackendGetAttribute)> &&
              alike<Execute, decltype(cudnnBackendExecute)>);
constexpr const char* unchecked = "";
#else
constexpr const char* unchecked = " (its header was not there when this program was built, so our declarations of it are unchecked)";
#endif

// Versions are 10000 major + 100 minor + patch.
constexpr size_t oldest = 90000, newest = 99999;
// Of the tensors in a plan.
constexpr int64_t id_x = 1, id_w = 2, id_y = 3;

struct Functions {
    GetVersion* version;
    GetErrorString* error_string;
    GetLastErrorString* last_error;
    Create* create;
    SetStream* set_stream;
    CreateDescriptor* create_descriptor;
    DestroyDescriptor* destroy_descriptor;
    Finalize* finalize;
    SetAttribute* set;
    GetAttribute* get;
    Execute* execute;
};

struct Library {
    Functions call{};
    Handle handle = nullptr;
    LibraryReport report{"cuDNN", "", ""};
    std::map<Convolution, std::optional<Descriptor>> plans;  // none: the library has no plan that may be taken

    bool there() const { return !report.version.empty(); }
    void check(Status status, const char* call_name) const {
        if (status == success) return;
        const std::string scope = scope_text();
        fail(scope, scope.empty() ? "" : ": ", call_name, ": ", words(status));
    }
    // "CUDNN_STATUS_BAD_PARAM (2000): nullptr == handle"
    std::string words(Status status) const {
        char last[256] = {};
        call.last_error(last, sizeof last);
        last[sizeof last - 1] = 0;
        const std::string line = std::string(last).substr(0, std::string(last).find('\n'));
        return concat(call.error_string(status), " (", status, ")", line.empty() ? "" : ": ", line);
    }
};

Library load() {
    Library l;
    const OpenLibrary open = open_library({"libcudnn.so.9"});
    const auto without = [&](const auto&... why) {
        l.report.detail = concat(why...);
        return l;
    };
    if (!open.handle) return without(open.absence);
    Symbols symbols(open);
    symbols.find(l.call.version, "cudnnGetVersion");
    symbols.find(l.call.error_string, "cudnnGetErrorString");
    symbols.find(l.call.last_error, "cudnnGetLastErrorString");
    symbols.find(l.call.create, "cudnnCreate");
    symbols.find(l.call.set_stream, "cudnnSetStream");
    symbols.find(l.call.create_descriptor, "cudnnBackendCreateDescriptor");
    symbols.find(l.call.destroy_descriptor, "cudnnBackendDestroyDescriptor");
    symbols.find(l.call.finalize, "cudnnBackendFinalize");
    symbols.find(l.call.set, "cudnnBackendSetAttribute");
    symbols.find(l.call.get, "cudnnBackendGetAttribute");
    symbols.find(l.call.execute, "cudnnBackendExecute");
    if (!symbols.missing().empty()) return without(open.file, " has no ", symbols.missing());
    const size_t version = l.call.version();
    const std::string text = concat(version / 10000, ".", version / 100 % 100, ".", version % 100);
    // Version 8 counted by thousands.
    if (version < oldest) return without(open.file, " is older than version 9.0, the oldest that is known here (it says ", version, ")");
    if (version > newest) return without(open.file, " is version ", text, ", too new: 9 is the newest that is known here");
    enter_device();
    if (const Status status = l.call.create(&l.handle); status != success)
        return without(open.file, ", version ", text, ", cannot be used: cudnnCreate: ", l.words(status));
    l.report.version = text;
    l.report.detail = open.file + unchecked;
    return l;
}

struct Shared {
    std::mutex mutex;
    Library* library = nullptr;
    int search = 0;
};

Shared& shared() {
    static auto* the_one = new Shared;
    return *the_one;
}

// Under the mutex.
Library& library() {
    Shared& s = shared();
    if (const int search = library_search(); !s.library || s.search != search) {
        s.library = new Library(load());
        s.search = search;
    }
    return *s.library;
}

// Descriptors that belong together: destroyed at the end unless they are kept.
class Descriptors {
public:
    explicit Descriptors(const Library& l) : l_(l) {}
    ~Descriptors() {
        for (auto i = all_.rbegin(); i != all_.rend(); ++i) l_.call.destroy_descriptor(*i);
    }
    Descriptors(const Descriptors&) = delete;
    Descriptors& operator=(const Descriptors&) = delete;

    Descriptor create(DescriptorType type) {
        Descriptor made = nullptr;
        l_.check(l_.call.create_descriptor(type, &made), "cudnnBackendCreateDescriptor");
        all_.push_back(made);
        return made;
    }
    template <class T>
    void set(Descriptor d, int attribute, ElementType type, const T* values, int64_t count) const {
        l_.check(l_.call.set(d, static_cast<Attribute>(attribute), type, count, values), "cudnnBackendSetAttribute");
    }
    template <class T>
    void set(Descriptor d, int attribute, ElementType type, const T& value) const {
        set(d, attribute, type, &value, 1);
    }
    template <size_t N>
    void set(Descriptor d, int attribute, const std::array<int64_t, N>& values) const {
        set(d, attribute, element_int64, values.data(), N);
    }
    void finalize(Descriptor d) const { l_.check(l_.call.finalize(d), "cudnnBackendFinalize"); }
    void keep() { all_.clear(); }

private:
    const Library& l_;
    std::vector<Descriptor> all_;
};

Type type_of(DType type) {
    require(type == DType::f32 || type == DType::bf16, "cuDNN: convolutions of ", name_of(type), " are not among those asked for");
    return type == DType::f32 ? type_f32 : type_bf16;
}

Descriptor tensor(Descriptors& d, const Tensor& t, int64_t id) {
    const Descriptor made = d.create(descriptor_tensor);
    d.set(made, tensor_type, element_data_type, type_of(t.type));
    d.set(made, tensor_dimensions, t.sizes);
    d.set(made, tensor_strides, t.strides);
    d.set(made, tensor_unique_id, element_int64, id);
    d.set(made, tensor_alignment, element_int64, int64_t{alignment});
    d.finalize(made);
    return made;
}

// One operation, the convolution.
Descriptor graph(Descriptors& d, const Library& l, const Convolution& c) {
    const Descriptor convolution = d.create(descriptor_convolution);
    d.set(convolution, convolution_compute_type, element_data_type, type_f32);
    d.set(convolution, convolution_mode, element_convolution_mode, cross_correlation);
    d.set(convolution, convolution_spatial_dims, element_int64, int64_t{2});
    d.set(convolution, convolution_pads_before, c.pads_before);
    d.set(convolution, convolution_pads_after, c.pads_after);
    d.set(convolution, convolution_strides, c.strides);
    d.set(convolution, convolution_dilations, c.dilations);
    d.finalize(convolution);

    const bool forward = c.direction == Direction::forward, data = c.direction == Direction::data_gradient;
    const Descriptor operation = d.create(forward ? descriptor_forward : data ? descriptor_backward_data : descriptor_backward_filter);
    // The attributes of all three directions follow each other in the same order: alpha, beta, convolution, w, x, y.
    const int first = forward ? forward_alpha : data ? backward_data_alpha : backward_filter_alpha;
    d.set(operation, first, element_float, 1.0f);
    d.set(operation, first + 1, element_float, 0.0f);
    d.set(operation, first + 2, element_descriptor, convolution);
    d.set(operation, first + 3, element_descriptor, tensor(d, c.w, id_w));
    d.set(operation, first + 4, element_descriptor, tensor(d, c.x, id_x));
    d.set(operation, first + 5, element_descriptor, tensor(d, c.y, id_y));
    d.finalize(operation);

    const Descriptor made = d.create(descriptor_graph);
    d.set(made, graph_handle, element_handle, l.handle);
    d.set(made, graph_operations, element_descriptor, operation);
    d.finalize(made);
    return made;
}

// Those of the library's configurations for one mode, best first; none where it has none.
std::vector<Descriptor> proposals(Descriptors& d, const Library& l, Descriptor graph, HeuristicMode mode) {
    constexpr int64_t most = 256;  // of float32 some forty that use TF32 may come first
    const Descriptor heuristic = d.create(descriptor_heuristic);
    d.set(heuristic, heuristic_graph, element_descriptor, graph);
    d.set(heuristic, heuristic_mode, element_heuristic_mode, mode);
    if (l.call.finalize(heuristic) != success) return {};
    int64_t count = 0;
    if (l.call.get(heuristic, heuristic_results, element_descriptor, 0, &count, nullptr) != success) return {};
    std::vector<Descriptor> list;
    for (int64_t i = 0; i < std::min(count, most); ++i) list.push_back(d.create(descriptor_engine_config));
    if (list.empty()) return {};
    l.check(l.call.get(heuristic, heuristic_results, element_descriptor, static_cast<int64_t>(list.size()), &count, list.data()),
            "cudnnBackendGetAttribute");
    list.resize(static_cast<size_t>(std::clamp<int64_t>(count, 0, static_cast<int64_t>(list.size()))));
    return list;
}

// See takes(). An engine that does not tell is refused.
bool computes_as_meant(Descriptors& d, const Library& l, Descriptor configuration, bool float32) {
    Descriptor engine = d.create(descriptor_engine);
    int64_t count = 0;
    NumericalNote notes[32] = {};
    if (l.call.get(configuration, engine_config_engine, element_descriptor, 1, &count, &engine) != success ||
        l.call.get(engine, engine_numerical_notes, element_numerical_note, 32, &count, notes) != success)
        return false;
    return std::none_of(notes, notes + std::clamp<int64_t>(count, 0, 32),
                        [&](NumericalNote note) { return note == note_tensor_core ? float32 : note <= note_winograd_13x13; });
}

// Of a configuration; null where it can't be built or wants more workspace.
Descriptor plan_of(Descriptors& d, const Library& l, Descriptor configuration) {
    const Descriptor plan = d.create(descriptor_plan);
    d.set(plan, plan_handle, element_handle, l.handle);
    d.set(plan, plan_engine_config, element_descriptor, configuration);
    int64_t bytes = 0, count = 0;
    if (l.call.finalize(plan) != success || l.call.get(plan, plan_workspace, element_int64, 1, &count, &bytes) != success) return nullptr;
    return static_cast<size_t>(bytes) <= workspace ? plan : nullptr;
}

std::optional<Descriptor> build(const Library& l, const Convolution& c) {
    try {
        Descriptors descriptors(l);
        const Descriptor operations = graph(descriptors, l, c);
        for (const HeuristicMode mode : {heuristic_b, heuristic_a, heuristic_fallback})
            for (const Descriptor configuration : proposals(descriptors, l, operations, mode)) {
                if (!computes_as_meant(descriptors, l, configuration, c.x.type == DType::f32)) continue;
                if (const Descriptor plan = plan_of(descriptors, l, configuration)) {
                    descriptors.keep();  // what a plan is made of lives as long as it does: to the end
                    return plan;
                }
            }
    } catch (const Error&) {
        // The library does not take this problem: it is no candidate.
    }
    return std::nullopt;
}

}  // namespace

LibraryReport report() {
    std::lock_guard lock(shared().mutex);
    return library().report;
}

bool there() {
    std::lock_guard lock(shared().mutex);
    return library().there();
}

bool takes(const Convolution& convolution) {
    std::lock_guard lock(shared().mutex);
    Library& l = library();
    if (!l.there()) return false;
    auto known = l.plans.find(convolution);
    if (known == l.plans.end()) {
        enter_device();
        known = l.plans.emplace(convolution, build(l, convolution)).first;
    }
    return known->second.has_value();
}

void convolve(const Convolution& convolution, const void* x, const void* w, const void* y, void* memory, void* stream) {
    require(takes(convolution), "cuDNN has no plan for this convolution");
    std::lock_guard lock(shared().mutex);
    const Library& l = library();
    enter_device();
    Descriptors descriptors(l);
    const Descriptor pack = descriptors.create(descriptor_variant_pack);
    const void* const pointers[] = {x, w, y};
    const int64_t ids[] = {id_x, id_w, id_y};
    descriptors.set(pack, pack_pointers, element_pointer, pointers, 3);
    descriptors.set(pack, pack_unique_ids, element_int64, ids, 3);
    descriptors.set(pack, pack_workspace, element_pointer, memory);
    descriptors.finalize(pack);
    l.check(l.call.set_stream(l.handle, static_cast<Stream>(stream)), "cudnnSetStream");
    l.check(l.call.execute(l.handle, *l.plans.at(convolution), pack), "cudnnBackendExecute");
}

}  // namespace purnet::cuda::cudnn
