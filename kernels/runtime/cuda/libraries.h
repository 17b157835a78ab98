// NVIDIA's libraries, which are candidates beside our own kernels (docs/gpu.md, "Choice by measurement"): found and opened when they are
// first asked for, never linked. A program without them computes everything by itself.
//
// They are looked for in the folders of PURNET_LIBRARIES (separated by ':'), where the loader looks, in the folders of CUDA_HOME, CUDA_PATH
// and CUDNN_PATH, and in /usr/local/cuda, in this order. Of a folder, what lies in it counts, and what lies where a toolkit or one of
// Python's packages puts libraries: PURNET_LIBRARIES=/path/to/site-packages finds those of an installed PyTorch. PURNET_LIBRARIES=none:
// nowhere.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>
#include <vector>

namespace purnet::cuda {

// Stays open until the program ends.
struct OpenLibrary {
    void* handle = nullptr;
    std::string file;     // what was opened
    std::string absence;  // why there is none, in the loader's words

    // Null where the library lacks it.
    void* symbol(const char* name) const;
};

// The first of these names, with their major version, that can be opened.
OpenLibrary open_library(const std::vector<std::string>& names);

// As if PURNET_LIBRARIES said so and nothing else was there: for tests. Libraries that were opened are forgotten, not closed.
void look_for_libraries_in(const std::string& folders);
// How often that was called: what was found before no longer counts.
int library_search();

// Whether a function as we declare it takes what the header's takes: as many parameters, of the same sizes, pointers where it has pointers.
template <class T>
inline constexpr size_t size_of_result = sizeof(T);
template <>
inline constexpr size_t size_of_result<void> = 0;
template <class Ours, class Theirs>
inline constexpr bool alike = false;
template <class R, class... A, class S, class... B>
inline constexpr bool alike<R(A...), S(B...)> = [] {
    if constexpr (sizeof...(A) == sizeof...(B))
        return size_of_result<R> == size_of_result<S> && ((sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>)&&...);
    return false;
}();

// The functions of a library, found by name.
class Symbols {
public:
    explicit Symbols(const OpenLibrary& library) : library_(library) {}
    template <class Function>
    void find(Function*& function, const char* name) {
        function = reinterpret_cast<Function*>(library_.symbol(name));
        if (!function) missing_ = name;
    }
    const std::string& missing() const { return missing_; }  // one of those that the library lacks, or ""

private:
    const OpenLibrary& library_;
    std::string missing_;
};

}  // namespace purnet::cuda
