#include "kernels/conv2d/conv2d_choice.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>

#include "kernels/runtime/isa.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"

namespace purnet::conv2d {
namespace {

struct Known {
    std::mutex mutex;
    bool measures = false;
    Choices choices;
};

Known& known() {
    static Known all;
    return all;
}

std::string key_of(const Problem& p, Pass pass) {
    return concat(pass == Pass::forward ? "forward" : "backward_data", " n", p.n, " h", p.h, " w", p.w, " c", p.c, " o", p.o, " k", p.kh,
                  "x", p.kw, " s", p.stride, " d", p.dilation, " g", p.groups, " p", p.pads.top, ",", p.pads.left, ",", p.pads.bottom, ",",
                  p.pads.right, " ", purnet::name_of(isa()), " ", thread_count(), " threads");
}

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
        const auto start = std::chrono::steady_clock::now();
        run(method, p, pass, static_cast<const float*>(source.data()), static_cast<const float*>(packed.data()), {},
            static_cast<float*>(out.data()), static_cast<float*>(scratch.data()));
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
        if (i > 0) least = std::min(least, took.count());  // the first one meets new memory
    }
    return least;
}

Method measured(const Problem& p, Pass pass, Method estimate, const std::vector<Method>& methods) {
    Method best = estimate;
    double time = 0.95 * least_milliseconds(estimate, p, pass);
    for (const Method method : methods)
        if (method != estimate)
            if (const double t = least_milliseconds(method, p, pass); t < time) best = method, time = t;
    return best;
}

}  // namespace

void measure_choices(bool on) {
    std::lock_guard lock(known().mutex);
    known().measures = on;
}

Choices choices() {
    std::lock_guard lock(known().mutex);
    return known().choices;
}

void know_choices(const Choices& choices) {
    std::lock_guard lock(known().mutex);
    known().choices = choices;
}

Method packed_method(const Problem& p, Pass pass) {
    const Method estimate = method_for(p, pass) == Method::library ? Method::gemm : method_for(p, pass);
    const std::vector<Method> methods = packable_methods(p, pass);
    if (methods.size() < 2) return estimate;
    Known& all = known();
    std::lock_guard lock(all.mutex);
    const std::string key = key_of(p, pass);
    if (const auto told = all.choices.find(key); told != all.choices.end())
        for (const Method method : methods)
            if (told->second == name_of(method)) return method;
    if (!all.measures) return estimate;
    const Method best = measured(p, pass, estimate, methods);
    all.choices[key] = name_of(best);
    return best;
}

}  // namespace purnet::conv2d
