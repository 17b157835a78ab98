// One parallel loop for everything. It runs on OpenMP, which is also oneDNN's pool: two pools that spin at each other
// cost half the speed. PURNET_THREADS sets the number of threads, default all cores.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace purnet {

int thread_count();
void set_thread_count(int threads);

namespace detail {
using RangeFunction = void (*)(void* body, int64_t begin, int64_t end, int thread);
void parallel_ranges(int64_t count, int64_t grain, void* body, RangeFunction function);
}  // namespace detail

// Calls body(begin, end) or body(begin, end, thread) on disjoint ranges that cover 0 .. count-1. The split depends on
// count, grain and thread_count() alone, so sums per range are reproducible. `thread` is below thread_count(); ranges
// hold at least `grain` indices but for the last. An exception of the body leaves through the caller. Nested calls run serially.
template <class Body>
void parallel_for(int64_t count, int64_t grain, Body&& body) {
    using B = std::remove_reference_t<Body>;
    detail::parallel_ranges(count, grain, const_cast<void*>(static_cast<const void*>(std::addressof(body))),
                            [](void* b, int64_t begin, int64_t end, int thread) {
                                B& function = *static_cast<B*>(b);
                                if constexpr (std::is_invocable_v<B&, int64_t, int64_t, int>)
                                    function(begin, end, thread);
                                else
                                    function(begin, end);
                            });
}

// While one of these lives, parallel_for runs serially on the thread that made it. For worker threads beside the main one: each would
// else bring up a pool of its own.
class SerialScope {
public:
    SerialScope();
    ~SerialScope();
    SerialScope(const SerialScope&) = delete;
    SerialScope& operator=(const SerialScope&) = delete;

private:
    bool before_;
};

}  // namespace purnet
