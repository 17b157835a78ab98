// From a Problem to launches of one of the two kernels; included by the file of each element type, which says with Method<T> what
// runs a product of that type.
#pragma once

#include <algorithm>
#include <climits>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_depthwise_cuda.h"
#include "kernels/conv2d/conv2d_estimate.h"
#include "kernels/conv2d/conv2d_key.h"
#include "kernels/conv2d/conv2d_single_cuda.h"
#include "kernels/conv2d/conv2d_tile.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/cuda/counters.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/cuda/stopwatch.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/scope.h"
#include "kernels/tile/columns.h"

namespace purnet::conv2d::implicit {

// A class with
//     static void launch(problem, pass, way, product, chunk, workspace, stream)
//     static std::vector<Way> ways(problem, pass)                                 of operands that are aligned; the estimate's first
// chunk: so many neighbours (8, 4 or 1) lie together and aligned in both operands.
template <class T>
struct Method;

inline Problem32 narrow(const Problem& p) {
    const int64_t most = INT_MAX;
    require(p.x_count() / p.c < most && p.y_count() / p.o < most && p.weight_count() < most && p.kh * p.kw * std::max(p.c, p.o) < most,
            "conv2d: a picture of ", p.n, "x", p.h, "x", p.w, "x", p.c, " is too large for one launch: use a smaller batch");
    const auto i = [](int64_t v) { return static_cast<int>(v); };
    return {i(p.n),       i(p.h),       i(p.w),   i(p.c),     i(p.o),      i(p.kh),    i(p.kw),
            i(p.out_h()), i(p.out_w()), p.stride, p.pads.top, p.pads.left, p.dilation, p.groups};
}

inline std::string describe(const Problem& p) {
    return concat(p.n, "x", p.h, "x", p.w, "x", p.c, " to ", p.o, ", kernel ", p.kh, "x", p.kw, ", stride ", p.stride, ", dilation ",
                  p.dilation, ", groups ", p.groups);
}

// Of channels along the lines of the two operands.
template <class... P>
int chunk_of(int64_t channels, int64_t other_channels, const P*... operands) {
    if (!tile::aligned_16(operands...)) return 1;
    if (channels % 8 == 0 && other_channels % 8 == 0) return 8;
    return channels % 4 == 0 && other_channels % 4 == 0 ? 4 : 1;
}
// Of a forward or data gradient: weights lie by input channels in both.
template <class... P>
int chunk_of(const Problem& p, Pass pass, const P*... operands) {
    const int64_t in = p.c / p.groups;
    return chunk_of(in, pass == Pass::forward ? in : p.o / p.groups, operands...);
}

template <class Product, class... P>
void launch_product(void (*kernel)(P...), const Product& product, const Grid& of_one, unsigned threads, size_t shared, void* workspace,
                    cudaStream_t stream) {
    const Grid grid = of_one.times(1 + product.more);
    require(grid.column_tiles <= 65535 && grid.products * grid.splits <= 65535, "conv2d: ", grid.products, " groups and phases of ",
            grid.column_tiles, " tiles are more than a grid holds");
    const dim3 blocks(static_cast<unsigned>(grid.row_tiles), static_cast<unsigned>(grid.column_tiles),
                      static_cast<unsigned>(grid.products * grid.splits));
    unsigned* counter = grid.splits > 1 ? cuda::counters(static_cast<int>(grid.tiles())) : nullptr;
    cuda::launch_early(kernel, blocks, threads, shared, stream, product, grid.splits, static_cast<float*>(workspace), counter);
}

template <class T>
std::vector<Way> ways(const Problem& p, Pass pass) {
    if (depthwise::takes(p)) return {Way{}};
    if (single::takes(p)) return {Way{.name = "single"}};
    return Method<T>::ways(p, pass);
}

// Those of a kernel for every device with tiles of one size.
inline void add_ways(std::vector<Way>& list, const char* kernel, TileSize tile, const Grid& grid) {
    for (const int parts : grid.parts_to_try()) {
        const Grid cut = grid.in_parts(parts);
        list.push_back({0, tile, cut, concat(kernel, " ", tile.rows, "x", tile.columns, cut.parts())});
    }
}

// What choices tell apart.
template <class T>
std::string_view arithmetic_of() {
    return dtype_of<T> == DType::f32 && tf32_allowed() ? "tf32" : purnet::name_of(dtype_of<T>);
}

template <class T>
Way own_way_of(const Problem& p, Pass pass) {
    const std::vector<Way> all = ways<T>(p, pass);
    if (all.size() < 2 || !choices::any()) return all.front();
    std::vector<std::string> names;
    for (const Way& way : all) names.push_back(way.name);
    const auto named = [&](const std::string& name) {
        return all[static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin())];
    };
    return named(choices::choose(concat("cuda ", arithmetic_of<T>(), " ", key_of(p, pass)), names, names.front(),
                                 [&](const std::string& name) { return least_milliseconds<T>(p, pass, named(name)); }));
}

template <class T>
Way way_of(const Problem& p, Pass pass, bool sum_alone) {
    const Way own = own_way_of<T>(p, pass);
    if (!sum_alone || !choices::any()) return own;
    const std::vector<Library> libraries = libraries_for(p, pass, dtype_of<T>);
    if (libraries.empty()) return own;
    std::vector<std::string> names{name_of(Library::none)};
    for (const Library library : libraries) names.push_back(name_of(library));
    const auto named = [&](const std::string& name) {
        Way way = own;
        for (const Library library : libraries)
            if (name == name_of(library)) way.library = library, way.name = name;
        return way;
    };
    return named(choices::choose(concat("cuda or a library ", arithmetic_of<T>(), " ", key_of(p, pass)), names, names.front(),
                                 [&](const std::string& name) { return least_milliseconds<T>(p, pass, named(name)); }));
}

// Of a way, or, as its operands may not be aligned, of the kernel for every device.
template <class T>
size_t workspace(const Problem& p, Pass pass, const Way* given) {
    const Way way = given ? *given : way_of<T>(p, pass);
    size_t product = way.library == Library::none ? 0 : library_workspace;
    if (!depthwise::takes(p) && !single::takes(p))
        product = std::max({product, grid_of(p, pass).workspace(), way.grid.workspace()});
    else if (pass == Pass::backward_weights)
        product = std::max(product, depthwise::takes(p) ? depthwise::weights_workspace(p) : single::weights_workspace(p));
    return pass == Pass::backward_weights ? std::max(product, bias_workspace(p.n * p.out_h() * p.out_w(), p.o)) : product;
}

// Nothing follows the sum.
template <class T>
bool sum_alone(const tile::Epilogue<T>& e) {
    return !e.bias && !e.before && !e.after && e.slope == 1 && std::isinf(e.top);
}

// moments: null where they are not wanted.
template <class T>
void forward(const Problem& p, const T* x, const T* weight, const tile::Epilogue<T>& epilogue, T* y, float* moments, void* workspace,
             const Context& context, const Way* given) {
    const auto text = [&] { return describe(p); };
    const OpScope op("conv2d forward", text);
    check(p);
    if (moments) require_moments(p);
    const bool alone = !moments && sum_alone(epilogue);
    const Way way = given ? *given : way_of<T>(p, Pass::forward, alone);
    if (alone && run_by(way.library, p, Pass::forward, dtype_of<T>, x, weight, y, workspace, context)) return;
    if (depthwise::takes(p)) return depthwise::forward(p, x, weight, epilogue, y, context);
    if (single::takes(p)) return single::forward(p, x, weight, epilogue, y, context);
    const bool vectors = p.o / p.groups % 4 == 0 && tile::aligned_16(y, epilogue.before, epilogue.after);
    const Correlation<T, true> product{narrow(p), x, weight, epilogue, y, vectors, moments};
    Method<T>::launch(p, Pass::forward, way, product, chunk_of(p, Pass::forward, x, weight), workspace, cuda::stream_of(context));
}

template <class T>
void forward(const Problem& p, const T* x, const T* weight, const tile::Epilogue<T>& epilogue, T* y, void* workspace,
             const Context& context, const Way* given) {
    forward<T>(p, x, weight, epilogue, y, nullptr, workspace, context, given);
}

// Not where a library is faster, which has no moments. It is asked for sums alone: no bias.
template <class T>
bool gives_moments(const Problem& p, bool bias) {
    return p.has_moments() && way_of<T>(p, Pass::forward, !bias).library == Library::none;
}

template <class T>
void backward_data(const Problem& p, const T* dy, const T* weight, const tile::Epilogue<T>& epilogue, T* dx, void* workspace,
                   const Context& context, const Way* given) {
    const auto text = [&] { return describe(p); };
    const OpScope op("conv2d backward_data", text);
    check(p);
    const bool alone = sum_alone(epilogue);
    const Way way = given ? *given : way_of<T>(p, Pass::backward_data, alone);
    if (alone && run_by(way.library, p, Pass::backward_data, dtype_of<T>, dy, weight, dx, workspace, context)) return;
    if (depthwise::takes(p)) return depthwise::backward_data(p, dy, weight, epilogue, dx, context);
    if (single::takes(p)) return single::backward_data(p, dy, weight, epilogue, dx, context);
    const bool vectors = p.c / p.groups % 4 == 0 && tile::aligned_16(dx, epilogue.before, epilogue.after);
    const Correlation<T, false> product{narrow(p), dy, weight, epilogue, dx, vectors};
    Method<T>::launch(p, Pass::backward_data, way, product, chunk_of(p, Pass::backward_data, dy, weight), workspace,
                      cuda::stream_of(context));
}

template <class T>
void backward_data_sums(const Problem& p, const T* dy, const T* weight, const batch_norm::NormOperands& norm, T* dx, float* sums,
                        void* workspace, const Context& context) {
    const auto text = [&] { return describe(p); };
    const OpScope op("conv2d backward_data_sums", text);
    check(p);
    require_gradient_sums(p);
    const bool vectors = p.c % 4 == 0 && tile::aligned_16(dx, static_cast<const T*>(norm.x));
    const GradientWithSums<T> product{{narrow(p), dy, weight, {}, dx, vectors}, norm, sums};
    Method<T>::launch(p, Pass::backward_data, way_of<T>(p, Pass::backward_data, false), product,
                      chunk_of(p, Pass::backward_data, dy, weight), workspace, cuda::stream_of(context));
}

// As gives_moments.
template <class T>
bool gives_gradient_sums(const Problem& p) {
    return p.has_gradient_sums() && way_of<T>(p, Pass::backward_data, true).library == Library::none;
}

template <class T>
void backward_weights(const Problem& p, const T* x, const T* dy, float* dweight, float* dbias, void* workspace, const Context& context,
                      const Way* given) {
    const auto text = [&] { return describe(p); };
    const OpScope op("conv2d backward_weights", text);
    check(p);
    const int64_t in = p.c / p.groups;
    if (dweight) {
        const Way way = given ? *given : way_of<T>(p, Pass::backward_weights);
        const bool done = run_by(way.library, p, Pass::backward_weights, dtype_of<T>, x, dy, dweight, workspace, context);
        if (!done && depthwise::takes(p)) {
            depthwise::backward_weights(p, x, dy, dweight, workspace, context);
        } else if (!done && single::takes(p)) {
            single::backward_weights(p, x, dy, dweight, workspace, context);
        } else if (!done) {
            const WeightGradient<T> product{narrow(p), x, dy, dweight, p.kh * p.kw * in % 4 == 0 && tile::aligned_16(dweight)};
            Method<T>::launch(p, Pass::backward_weights, way, product, chunk_of(in, p.o / p.groups, x, dy), workspace,
                              cuda::stream_of(context));
        }
    }
    if (dbias) backward_bias(p.n * p.out_h() * p.out_w(), p.o, dy, dbias, workspace, context);
}

template <class T>
Way way_of_merged(const Problem& widest, Pass pass, int convolutions) {
    Way way = way_of<T>(as_one(widest, convolutions), pass, false);
    way.grid = grid_of(widest, pass, way.tile).in_parts(way.grid.splits);
    return way;
}

template <class T>
void convolve_merged(const Problem& p, Pass pass, std::span<const Member<T>> members, void* workspace, const Context& context,
                     const Way& way) {
    const auto text = [&] { return concat(members.size(), " of ", describe(p)); };
    const OpScope op(pass == Pass::forward ? "conv2d forward" : "conv2d backward_data", text);
    check(p);
    require(members.size() >= 2 && members.size() <= most_merged && p.groups == 1, "conv2d: a launch of ", members.size(),
            " convolutions of ", p.groups, " groups");
    int chunk = 0;
    for (const Member<T>& m : members) {
        Problem own = p;
        (pass == Pass::forward ? own.o : own.c) = m.channels;
        narrow(own);
        const int here = chunk_of(own, pass, m.source, m.weight);
        require((chunk == 0 || here == chunk) && here == chunk_of(own, pass),
                "conv2d: convolutions in one launch whose operands do not lie alike");
        chunk = here;
    }
    const auto launch = [&](auto product) {
        const Member<T>& first = members[0];
        product.p = narrow(p);
        product.source = first.source, product.weight = first.weight, product.epilogue = first.epilogue;
        product.out = first.out, product.vectors = first.vectors;
        product.more = static_cast<int>(members.size()) - 1;
        std::copy(members.begin() + 1, members.end(), product.others);
        Method<T>::launch(p, pass, way, product, chunk, workspace, cuda::stream_of(context));
    };
    if (pass == Pass::forward)
        launch(MergedCorrelation<T, true>{});
    else
        launch(MergedCorrelation<T, false>{});
}

template <class T>
double least_milliseconds(const Problem& p, Pass pass, const Way& way) {
    constexpr double never = std::numeric_limits<double>::infinity();
    if (way.library != Library::none && !has_kernel(way.library, p, pass, dtype_of<T>)) return never;
    const MemoryScope scope("measuring");
    const Context context{{DeviceType::cuda, std::max(chosen_accelerator(), 0)}, nullptr};
    const auto filled = [&](size_t bytes) {
        Block block(context.device, bytes);
        fill_bytes(block.data(), context.device, 0x3c, bytes);  // small numbers in both types
        return block;
    };
    const Block x = filled(static_cast<size_t>(p.x_count()) * sizeof(T)), y = filled(static_cast<size_t>(p.y_count()) * sizeof(T));
    const Block weight = filled(static_cast<size_t>(p.weight_count()) * sizeof(float)),
                scratch(context.device, workspace<T>(p, pass, &way));
    const double least = cuda::least_milliseconds([&] {
        T *const xs = static_cast<T*>(x.data()), *const ys = static_cast<T*>(y.data());
        if (pass == Pass::forward)
            forward<T>(p, xs, static_cast<const T*>(weight.data()), {}, ys, scratch.data(), context, &way);
        else if (pass == Pass::backward_data)
            backward_data<T>(p, ys, static_cast<const T*>(weight.data()), {}, xs, scratch.data(), context, &way);
        else
            backward_weights<T>(p, xs, ys, static_cast<float*>(weight.data()), nullptr, scratch.data(), context, &way);
    });
    return way.library != Library::none && dropped(way.library) ? never : least;
}

// As entries of a table.
template <class T>
void plain_forward(const Problem& p, const T* x, const T* weight, const float* bias, T* y, void* workspace, const Context& context) {
    forward<T>(p, x, weight, {.bias = bias}, y, workspace, context, nullptr);
}
template <class T>
void plain_forward_moments(const Problem& p, const T* x, const T* weight, const float* bias, T* y, float* moments, void* workspace,
                           const Context& context) {
    forward<T>(p, x, weight, {.bias = bias}, y, moments, workspace, context, nullptr);
}
template <class T>
void plain_backward_data(const Problem& p, const T* dy, const T* weight, T* dx, void* workspace, const Context& context) {
    backward_data<T>(p, dy, weight, {}, dx, workspace, context, nullptr);
}
template <class T>
void plain_backward_weights(const Problem& p, const T* x, const T* dy, float* dweight, float* dbias, void* workspace,
                            const Context& context) {
    backward_weights<T>(p, x, dy, dweight, dbias, workspace, context, nullptr);
}
template <class T>
size_t plain_workspace(const Problem& p, Pass pass) {
    return workspace<T>(p, pass, nullptr);
}
template <class T>
std::unique_ptr<PackedConv> pack_forward(const Problem& p, const Epilogue& epilogue, const void* weight, const void* bias,
                                         const Context& context) {
    return make_packed<T>(p, Pass::forward, epilogue, static_cast<const float*>(weight), static_cast<const float*>(bias), context);
}
template <class T>
Kernels kernels_of() {
    return {.forward = erase<plain_forward<T>>,
            .forward_moments = erase<plain_forward_moments<T>>,
            .gives_moments = gives_moments<T>,
            .backward_data = erase<plain_backward_data<T>>,
            .backward_data_sums = erase<backward_data_sums<T>>,
            .gives_gradient_sums = gives_gradient_sums<T>,
            .backward_weights = erase<plain_backward_weights<T>>,
            .workspace = plain_workspace<T>,
            .pack = pack_forward<T>};
}

}  // namespace purnet::conv2d::implicit
