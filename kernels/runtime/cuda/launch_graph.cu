#include "kernels/runtime/launch_graph.h"

#include <cuda_runtime.h>

#include "kernels/runtime/cuda/check.h"
#include "kernels/runtime/cuda/device.h"

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

class Graph : public LaunchGraph {
public:
    Graph(const Device& device, const std::function<void(const Context&)>& body) {
        // Relaxed: a reserve (memory_reserve.h) may allocate meanwhile, and memory.cpp refuses whoever else does.
        check(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
        cudaGraph_t graph = nullptr;
        try {
            body({device, stream_.get()});
        } catch (...) {
            if (cudaStreamEndCapture(stream_.get(), &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
            cudaGetLastError();
            throw;
        }
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
    return true;
}();

}  // namespace
}  // namespace purnet::cuda
