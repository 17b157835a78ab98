// A network's parameters and statistics as files hold them: by name, kernels as O,I,kH,kW (transposed ones I,O,kH,kW).
//
// Reading takes any order of tensors and any floating type, passes over `*.num_batches_tracked` and what a run keeps to go on
// with (`optimiser.*`, `average.*`), and refuses a tensor of a wrong
// shape or with an infinity or NaN by its name; nothing is changed where anything is refused. Writing keeps the order of the
// store and adds `*.num_batches_tracked` behind each `*.running_var`.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/formats/array.h"
#include "core/parameter.h"

namespace purnet {

// Elements of a parameter between the order of memory and that of files; T is float or double.
template <class T>
std::vector<T> to_file_order(const Parameter& parameter, const std::vector<T>& memory);
template <class T>
std::vector<T> from_file_order(const Parameter& parameter, const std::vector<T>& file);
// The shape that files give it.
Shape file_shape(const Parameter& parameter);
// A tensor of the parameter's shape (its value, its momentum) as an array of a file, and back.
Array to_array(const Parameter& parameter, const Tensor& tensor);
// Error, naming `name`, for another shape, another kind of number, an infinity or NaN.
void check_array(const Parameter& parameter, const std::string& name, const Array& array);
void from_array(const Parameter& parameter, const Array& array, const Tensor& to);

// The store's tensors, in the parameters' type. steps: training steps so far, for num_batches_tracked.
NamedArrays state_of(const ParameterStore& store, int64_t steps);

struct LoadOptions {
    // A name in the file to the name in the store; empty: a tensor known to be of no use here. Default: the same name.
    std::function<std::string(const std::string& name)> rename;
    // Parameters and statistics to fill. Default: all.
    std::function<bool(const Parameter&)> wanted;
    // Where the arrays come from, for errors: a file's name. Default: unsaid.
    std::string source;
};

struct LoadReport {
    int64_t loaded = 0;                  // tensors
    std::vector<std::string> missing;    // wanted by the store, not in the file (names of the store)
    std::vector<std::string> left_over;  // in the file, not used (names of the file)

    bool complete() const { return missing.empty() && left_over.empty(); }
    // "loaded 980 tensors, nothing missing, nothing left over"; lists at most the first few names.
    std::string text() const;
};

// Fills what it finds. The arrays are freed as they are copied.
LoadReport load_state(ParameterStore& store, NamedArrays&& arrays, const LoadOptions& options = {});
// The same, but Error where anything is missing or left over; `what` names the file.
void load_state_exactly(ParameterStore& store, NamedArrays&& arrays, const std::string& what, const LoadOptions& options = {});

}  // namespace purnet
