#include "kernels/runtime/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

int initial_threads() {
    const char* wish = std::getenv("PURNET_THREADS");
    if (!wish || !*wish) return omp_get_max_threads();
    char* end = nullptr;
    const long threads = std::strtol(wish, &end, 10);
    require(*end == 0 && threads >= 0 && threads <= 1024, "PURNET_THREADS=", wish, ": use a number from 1 to 1024, or 0 for all cores");
    if (threads == 0) return omp_get_max_threads();
    omp_set_num_threads(static_cast<int>(threads));
    return static_cast<int>(threads);
}

std::atomic<int>& threads_setting() {
    static std::atomic<int> value{initial_threads()};
    return value;
}

thread_local bool serial = false;

}  // namespace

SerialScope::SerialScope() : before_(serial) { serial = true; }
SerialScope::~SerialScope() { serial = before_; }

int thread_count() { return threads_setting().load(std::memory_order_relaxed); }

void set_thread_count(int threads) {
    require(threads >= 1, "thread count ", threads, " is below 1");
    threads_setting() = threads;
    omp_set_num_threads(threads);
}

void detail::parallel_ranges(int64_t count, int64_t grain, void* body, RangeFunction function) {
    if (count <= 0) return;
    grain = std::max<int64_t>(grain, 1);
    const int64_t wanted = std::min<int64_t>((count + grain - 1) / grain, thread_count());
    if (wanted <= 1 || serial || omp_in_parallel()) {
        function(body, 0, count, 0);
        return;
    }
    std::exception_ptr error;
    std::atomic<bool> failed{false};
    // The split is fixed by `wanted`, not by how many threads OpenMP grants, so that results never depend on load.
#pragma omp parallel for schedule(static) num_threads(static_cast <int>(wanted))
    for (int64_t part = 0; part < wanted; ++part) {
        try {
            function(body, count * part / wanted, count * (part + 1) / wanted, static_cast<int>(part));
        } catch (...) {
            if (!failed.exchange(true)) error = std::current_exception();
        }
    }
    if (error) std::rethrow_exception(error);
}

}  // namespace purnet
