#include "kernels/conv2d/conv2d_choice.h"

#include <algorithm>
#include <limits>

#include "kernels/conv2d/conv2d_key.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/seconds.h"

namespace purnet::conv2d {
namespace {

// Of other layers, between two runs of this one: a network does not find its weights in the cache.
void sweep_caches() {
    constexpr size_t bytes = size_t{64} << 20;
    const Block others(Device{}, bytes);
    parallel_for(bytes >> 20, 1, [&](int64_t begin, int64_t end) {
        fill_bytes(static_cast<char*>(others.data()) + (begin << 20), Device{}, 1, static_cast<size_t>(end - begin) << 20);
    });
}

double least_milliseconds(Method method, const Problem& p, Pass pass) {
    const size_t floats = sizeof(float);
    const auto make = [](size_t bytes) {
        Block block(Device{}, std::max<size_t>(bytes, 1));
        auto* values = static_cast<float*>(block.data());
        for (size_t i = 0; i < bytes / sizeof(float); ++i) values[i] = static_cast<float>(i % 7) - 3;
        return block;
    };
    const size_t x = static_cast<size_t>(p.x_count()) * floats, y = static_cast<size_t>(p.y_count()) * floats;
    const Block source = make(pass == Pass::forward ? x : y), weight = make(static_cast<size_t>(p.weight_count()) * floats);
    const Block out(Device{}, pass == Pass::forward ? y : x), packed(Device{}, packed_bytes(method, p, pass));
    const Block scratch(Device{}, std::max<size_t>(scratch_bytes(method, p, pass), 1));
    pack(method, p, pass, static_cast<const float*>(weight.data()), static_cast<float*>(packed.data()));
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 5; ++i) {
        sweep_caches();
        const double start = seconds_now();
        run(method, p, pass, static_cast<const float*>(source.data()), static_cast<const float*>(packed.data()), {},
            static_cast<float*>(out.data()), static_cast<float*>(scratch.data()));
        const double took = 1e3 * (seconds_now() - start);
        if (i > 0) least = std::min(least, took);  // the first one meets new memory
    }
    return least;
}

}  // namespace

std::string key_of(const Problem& p, Pass pass) {
    constexpr const char* names[] = {"forward", "backward_data", "backward_weights"};
    return concat(names[static_cast<int>(pass)], " n", p.n, " h", p.h, " w", p.w, " c", p.c, " o", p.o, " k", p.kh, "x", p.kw, " s",
                  p.stride, " d", p.dilation, " g", p.groups, " p", p.pads.top, ",", p.pads.left, ",", p.pads.bottom, ",", p.pads.right);
}

Method packed_method(const Problem& p, Pass pass) {
    const Method estimate = own_method_for(p, pass);
    const std::vector<Method> methods = packable_methods(p, pass);
    std::vector<std::string> names;
    for (const Method method : methods) names.emplace_back(name_of(method));
    const auto named = [&](const std::string& name) {
        return methods[static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin())];
    };
    if (methods.size() < 2) return estimate;
    const std::string key = concat(key_of(p, pass), " ", purnet::name_of(isa()), " ", thread_count(), " threads");
    return named(
        choices::choose(key, names, name_of(estimate), [&](const std::string& name) { return least_milliseconds(named(name), p, pass); }));
}

}  // namespace purnet::conv2d
