#include "kernels/runtime/launch_graph.h"

#include <cuda_runtime.h>

#include <utility>
#include <vector>

#include "kernels/runtime/branch.h"
#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/device.h"
#include "kernels/runtime/cuda/handles.h"
#include "kernels/runtime/cuda/launch.h"

namespace purnet::cuda {
namespace {

// A stream that waits for the default one and that the default one waits for: copies before and after a launch need no events.
class Stream {
public:
    Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamDefault), "cudaStreamCreateWithFlags"); }
    ~Stream() { cudaStreamDestroy(stream_); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    cudaStream_t get() const { return stream_; }

private:
    cudaStream_t stream_ = nullptr;
};

// What a recording needs while it is made: streams beside its own, and the events that order them. The graph needs neither.
class Recording {
public:
    Recording() : outer_(std::exchange(current(), this)) {}
    ~Recording() {
        for (const cudaEvent_t event : events_) cudaEventDestroy(event);
        for (const cudaStream_t stream : streams_) cudaStreamDestroy(stream);
        current() = outer_;
    }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

    static Recording*& current() {
        thread_local Recording* one = nullptr;
        return one;
    }
    cudaStream_t stream() { return streams_.emplace_back(make_side_stream()); }
    cudaEvent_t event() { return events_.emplace_back(make_order_event()); }

private:
    Recording* outer_;
    std::vector<cudaStream_t> streams_;
    std::vector<cudaEvent_t> events_;
};

class Graph : public LaunchGraph {
public:
    Graph(const Device& device, const std::function<void(const Context&)>& body) {
        const Recording recording;  // until the capture is over
        // Relaxed: a reserve (memory_reserve.h) may allocate meanwhile, and memory.cpp refuses whoever else does.
        interrupt_launches(stream_.get());
        check(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
        cudaGraph_t graph = nullptr;
        try {
            body({device, stream_.get()});
        } catch (...) {
            if (cudaStreamEndCapture(stream_.get(), &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
            cudaGetLastError();
            interrupt_launches(stream_.get());
            throw;
        }
        interrupt_launches(stream_.get());  // what was recorded is not on the stream
        check(cudaStreamEndCapture(stream_.get(), &graph), "cudaStreamEndCapture");
        const cudaError_t status = cudaGraphInstantiate(&runnable_, graph, 0);
        cudaGraphDestroy(graph);
        check(status, "cudaGraphInstantiate");
    }
    ~Graph() override {
        if (runnable_) cudaGraphExecDestroy(runnable_);
    }
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;

    void launch() override {
        enter_device();
        interrupt_launches(stream_.get());
        check(cudaGraphLaunch(runnable_, stream_.get()), "cudaGraphLaunch");
    }

private:
    Stream stream_;
    cudaGraphExec_t runnable_ = nullptr;
};

const bool registered = [] {
    register_recorder(DeviceType::cuda, [](const Device& device, const std::function<void(const Context&)>& body) {
        enter_device();
        return std::unique_ptr<LaunchGraph>(std::make_unique<Graph>(device, body));
    });
    register_side_streams(DeviceType::cuda,
                          {.make = []() -> void* { return Recording::current()->stream(); },
                           // No interrupt_launches: an event within a recording leaves nothing on the stream, and what comes next
                           // on it is behind its last kernel alone. The graph then has two kinds of edges from that kernel.
                           .mark = [](void* stream) -> void* {
                               const cudaEvent_t event = Recording::current()->event();
                               check(cudaEventRecord(event, static_cast<cudaStream_t>(stream)), "cudaEventRecord");
                               return event;
                           },
                           .wait =
                               [](void* stream, void* mark) {
                                   interrupt_launches(static_cast<cudaStream_t>(stream));
                                   check(cudaStreamWaitEvent(static_cast<cudaStream_t>(stream), static_cast<cudaEvent_t>(mark), 0),
                                         "cudaStreamWaitEvent");
                               }});
    return true;
}();

}  // namespace
}  // namespace purnet::cuda
