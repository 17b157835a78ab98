#include "kernels/conv2d/conv2d_libraries.h"

#include <array>
#include <mutex>

#include "kernels/conv2d/conv2d_column_major.h"
#include "kernels/conv2d/conv2d_strided.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/libraries.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/warning.h"

namespace purnet::conv2d::implicit {
namespace {

static_assert(library_workspace >= cuda::cublaslt::workspace && library_workspace >= cuda::cudnn::workspace);
static_assert(cuda::cublaslt::alignment == cuda::cudnn::alignment);

// Of each library, the search (libraries.h) that found one which failed.
struct Failures {
    std::mutex mutex;
    std::array<int, 3> search{-1, -1, -1};
};
Failures& failures() {
    static Failures all;
    return all;
}

void drop(Library library) {
    std::lock_guard lock(failures().mutex);
    failures().search[static_cast<size_t>(library)] = cuda::library_search();
}

// As conv2d.h calls them, or their gradients.
struct Operands {
    const void *x, *weight, *y;

    const void* of(Operand operand) const { return operand == Operand::x ? x : operand == Operand::weight ? weight : y; }
};

Operands operands(Pass pass, const void* first, const void* second, const void* result) {
    switch (pass) {
        case Pass::forward: return {first, second, result};
        case Pass::backward_data: return {result, second, first};
        case Pass::backward_weights: return {first, result, second};
    }
    return {};
}

bool aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % cuda::cublaslt::alignment == 0; }

void launch(Library library, const Problem& p, Pass pass, DType type, const void* first, const void* second, void* result, void* workspace,
            const Context& context) {
    const Operands given = operands(pass, first, second, result);
    cuda::interrupt_launches(cuda::stream_of(context));
    if (library == Library::cudnn)
        return cuda::cudnn::convolve(strided(p, pass, type), given.x, given.weight, given.y, workspace, context.stream);
    const std::optional<ColumnMajor> product = column_major(p, pass, type);
    require(product.has_value(), "conv2d: ", name_of(library), " has no way for this problem");
    cuda::cublaslt::multiply(product->product, given.of(product->a), given.of(product->b), result, workspace, context.stream);
}

}  // namespace

std::string name_of(Library library) {
    switch (library) {
        case Library::none: return "own";
        case Library::cublaslt: return "cublasLt";
        case Library::cudnn: return "cuDNN";
    }
    return "?";
}

bool dropped(Library library) {
    std::lock_guard lock(failures().mutex);
    return failures().search[static_cast<size_t>(library)] == cuda::library_search();
}

std::vector<Library> libraries_for(const Problem& p, Pass pass, DType type) {
    const Library library = column_major(p, pass, type) ? Library::cublaslt : Library::cudnn;
    const bool there = library == Library::cublaslt ? cuda::cublaslt::there() : cuda::cudnn::there();
    return there && !dropped(library) ? std::vector<Library>{library} : std::vector<Library>();
}

bool has_kernel(Library library, const Problem& p, Pass pass, DType type) {
    if (library == Library::cudnn) return cuda::cudnn::takes(strided(p, pass, type));
    const std::optional<ColumnMajor> product = column_major(p, pass, type);
    return library == Library::cublaslt && product && cuda::cublaslt::takes(product->product);
}

bool run_by(Library library, const Problem& p, Pass pass, DType type, const void* first, const void* second, void* result, void* workspace,
            const Context& context) {
    if (library == Library::none || dropped(library) || !aligned(first) || !aligned(second) || !aligned(result)) return false;
    if (!has_kernel(library, p, pass, type)) return false;
    try {
        launch(library, p, pass, type, first, second, result, workspace, context);
        return true;
    } catch (const Error& error) {
        drop(library);
        warn_user(concat(error.what(), "; from here on ", name_of(library), " is left out, and our own kernels compute"));
        return false;
    }
}

}  // namespace purnet::conv2d::implicit
