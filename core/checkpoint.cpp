#include "core/checkpoint.h"

#include <bit>
#include <cstring>
#include <unordered_map>

#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel_by_weight.h"

namespace purnet {
namespace {

constexpr std::string_view tracked = "num_batches_tracked";
// What a run keeps to go on with, beside the weights.
constexpr std::string_view optimiser_state = "optimiser.", averages = "average.";

// The strides of the two orders: A,C,h,w in files, A,h,w,C in memory.
struct Axes {
    int64_t a, c, space;
};
Axes axes_of(const Shape& shape) {
    require(shape.rank() == 4, "a kernel has four axes, not ", shape);
    return {shape[0], shape[3], shape[1] * shape[2]};
}

template <class T, class Assign>
void walk(const Axes& axes, Assign&& assign) {
    parallel_for(axes.a, 1 + 16384 / (axes.c * axes.space), [&](int64_t begin, int64_t end) {
        for (int64_t a = begin; a < end; ++a)
            for (int64_t c = 0; c < axes.c; ++c)
                for (int64_t s = 0; s < axes.space; ++s)
                    assign(static_cast<size_t>((a * axes.c + c) * axes.space + s), static_cast<size_t>((a * axes.space + s) * axes.c + c));
    });
}

std::string shape_text(const std::vector<int64_t>& shape) {
    std::string s;
    for (const int64_t extent : shape) s += (s.empty() ? "" : "x") + std::to_string(extent);
    return s.empty() ? "scalar" : s;
}

std::string listed(const std::vector<std::string>& names) {
    constexpr size_t shown = 3;
    std::string s;
    for (size_t i = 0; i < names.size() && i < shown; ++i) s += (i ? ", " : "") + names[i];
    return names.size() > shown ? s + ", …" : s;
}

}  // namespace

template <class T>
std::vector<T> to_file_order(const Parameter& p, const std::vector<T>& memory) {
    if (p.layout == FileLayout::as_is) return memory;
    std::vector<T> file(memory.size());
    walk<T>(axes_of(p.value.shape()), [&](size_t f, size_t m) { file[f] = memory[m]; });
    return file;
}
template <class T>
std::vector<T> from_file_order(const Parameter& p, const std::vector<T>& file) {
    if (p.layout == FileLayout::as_is) return file;
    std::vector<T> memory(file.size());
    walk<T>(axes_of(p.value.shape()), [&](size_t f, size_t m) { memory[m] = file[f]; });
    return memory;
}
template std::vector<float> to_file_order(const Parameter&, const std::vector<float>&);
template std::vector<double> to_file_order(const Parameter&, const std::vector<double>&);
template std::vector<float> from_file_order(const Parameter&, const std::vector<float>&);
template std::vector<double> from_file_order(const Parameter&, const std::vector<double>&);

Shape file_shape(const Parameter& p) {
    const Shape& s = p.value.shape();
    return p.layout == FileLayout::as_is ? s : Shape{s[0], s[3], s[1], s[2]};
}

Array to_array(const Parameter& p, const Tensor& tensor) {
    const std::vector<int64_t> shape = file_shape(p).vector();
    if (tensor.dtype() == DType::f64) return make_array(shape, to_file_order(p, tensor.to_doubles()));
    return make_array(shape, to_file_order(p, tensor.to_floats()));
}

void from_array(const Parameter& p, const Array& array, const Tensor& to) {
    const bool same_bytes = array.dtype == FileDType::f32 && to.dtype() == DType::f32 && std::endian::native == std::endian::little;
    if (same_bytes && to.device().on_host()) {  // most files: no copy between
        const uint8_t* file = array.bytes.data();
        auto* memory = static_cast<float*>(to.raw());
        if (p.layout == FileLayout::as_is)
            std::memcpy(memory, file, to.bytes());
        else
            walk<float>(axes_of(to.shape()), [&](size_t f, size_t m) { std::memcpy(memory + m, file + f * sizeof(float), sizeof(float)); });
        return;
    }
    const auto put = [&](const auto& values) { copy_bytes(to.raw(), to.device(), values.data(), Device{}, to.bytes()); };
    if (to.dtype() == DType::f64)
        put(from_file_order(p, to_float64(array)));
    else
        put(from_file_order(p, to_float32(array)));
}

void check_array(const Parameter& p, const std::string& name, const Array& array) {
    const Shape wanted = file_shape(p);
    require(array.shape == wanted.vector(), "tensor ", name, " is ", shape_text(array.shape), " where the network has ", wanted,
            ": the file belongs to another form of it");
    const bool floating =
        array.dtype == FileDType::f32 || array.dtype == FileDType::f64 || array.dtype == FileDType::f16 || array.dtype == FileDType::bf16;
    require(floating, "tensor ", name, " holds ", name_of(array.dtype), " where floating-point numbers are expected");
    const int64_t bad = first_non_finite(array);
    require(bad < 0, "tensor ", name, " has a value that is no finite number, at element ", bad,
            ": the file is damaged or its training diverged");
}

NamedArrays state_of(const ParameterStore& store, int64_t steps) {
    constexpr std::string_view last_statistic = "running_var";
    NamedArrays arrays;
    for (const Parameter& p : store.all()) {
        arrays.add(p.name, to_array(p, p.value));
        if (p.statistic && p.name.ends_with(last_statistic))
            arrays.add(p.name.substr(0, p.name.size() - last_statistic.size()) + std::string(tracked), make_array({}, &steps));
    }
    return arrays;
}

std::string LoadReport::text() const {
    const auto part = [](const std::vector<std::string>& names, const char* what) {
        return names.empty() ? concat("nothing ", what) : concat(names.size(), " ", what, " (", listed(names), ")");
    };
    return concat("loaded ", loaded, " tensors, ", part(missing, "missing"), ", ", part(left_over, "left over"));
}

LoadReport load_state(ParameterStore& store, NamedArrays&& arrays, const LoadOptions& options) {
    std::unordered_map<std::string_view, Parameter*> open;
    for (Parameter& p : store.all())
        if (!options.wanted || options.wanted(p)) open.emplace(p.name, &p);
    LoadReport report;
    std::vector<std::pair<Parameter*, size_t>> pairs;
    for (size_t i = 0; i < arrays.size(); ++i) {
        const auto& [name, array] = arrays[i];
        if (name.ends_with(tracked) || name.starts_with(optimiser_state) || name.starts_with(averages)) continue;
        const std::string own = options.rename ? options.rename(name) : name;
        if (own.empty()) continue;
        const auto found = open.find(own);
        if (found == open.end()) {
            report.left_over.push_back(name);
            continue;
        }
        pairs.emplace_back(found->second, i);
        open.erase(found);
    }
    for (const Parameter& p : store.all())
        if (open.contains(p.name)) report.missing.push_back(p.name);
    // Nothing is taken where one is refused: the first.
    std::vector<std::string> refusals(pairs.size());
    const auto bytes_of = [&](size_t k) { return arrays[pairs[k].second].array.bytes.size(); };
    parallel_by_weight(pairs.size(), bytes_of, [&](size_t k) {
        try {
            check_array(*pairs[k].first, arrays[pairs[k].second].name, arrays[pairs[k].second].array);
        } catch (const Error& error) {
            refusals[k] = error.what();
        }
    });
    for (const std::string& refusal : refusals)
        if (!refusal.empty()) fail(options.source, options.source.empty() ? "" : ": ", refusal);
    parallel_by_weight(pairs.size(), bytes_of, [&](size_t k) {
        from_array(*pairs[k].first, arrays[pairs[k].second].array, pairs[k].first->value);
        arrays[pairs[k].second].array = Array();
    });
    report.loaded = static_cast<int64_t>(pairs.size());
    return report;
}

void load_state_exactly(ParameterStore& store, NamedArrays&& arrays, const std::string& what, const LoadOptions& options) {
    LoadOptions named = options;
    named.source = what;
    const LoadReport report = load_state(store, std::move(arrays), named);
    require(report.complete(), what, " does not fit the network: ", report.text());
}

}  // namespace purnet
