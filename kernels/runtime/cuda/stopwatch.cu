#include "kernels/runtime/cuda/stopwatch.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <limits>

#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/cuda/launch.h"
#include "kernels/runtime/memory.h"

namespace purnet::cuda {
namespace {

class Event {
public:
    Event() { check(cudaEventCreate(&event_), "cudaEventCreate"); }
    ~Event() { cudaEventDestroy(event_); }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    void record() const {
        interrupt_launches(nullptr);
        check(cudaEventRecord(event_, nullptr), "cudaEventRecord");
    }
    double since(const Event& begin) const {
        check(cudaEventSynchronize(event_), "cudaEventSynchronize");
        float milliseconds = 0;
        check(cudaEventElapsedTime(&milliseconds, begin.event_, event_), "cudaEventElapsedTime");
        return milliseconds;
    }

private:
    cudaEvent_t event_ = nullptr;
};

}  // namespace

double least_milliseconds(const std::function<void()>& launch) {
    enter_device();
    int device = 0;
    check(cudaGetDevice(&device), "cudaGetDevice");
    const Block others({DeviceType::cuda, device}, 2 * device_info(device).l2);
    const Event begin, end;
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < 6; ++i) {
        interrupt_launches(nullptr);
        check(cudaMemsetAsync(others.data(), 1, others.bytes(), nullptr), "cudaMemsetAsync");
        begin.record();
        launch();
        end.record();
        const double took = end.since(begin);
        if (i > 0) least = std::min(least, took);
    }
    return least;
}

}  // namespace purnet::cuda
