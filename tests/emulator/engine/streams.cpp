#include "tests/emulator/engine/streams.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "kernels/runtime/scope.h"
#include "tests/emulator/engine/timeline.h"

using namespace purnet::emulator;

// What a capture recorded, in the order of the calls, which respects every dependency.
struct CUgraph_st {
    struct Node {
        std::string what;
        std::function<void()> run;
        std::vector<size_t> after;
    };
    std::vector<Node> nodes;
    std::vector<size_t> last;  // of the stream that began
};
struct CUgraphExec_st {
    CUgraph_st graph;
};
struct CUstream_st {
    bool blocking = true;           // waits for the default stream, which waits for it
    timeline::Steps last;           // what the next step comes behind
    CUgraph_st* capture = nullptr;  // what it records into
    std::vector<size_t> captured;   // and behind which nodes of that the next one comes
    bool began = false;             // it is the stream whose capture that is
    bool behind_kernel = false;
};
struct CUevent_st {
    CUgraph_st* capture = nullptr;
    std::vector<size_t> captured;
    std::chrono::steady_clock::time_point time;
    bool recorded = false;
    timeline::Steps behind;
};

namespace {

std::vector<CUstream_st*>& all_streams() {
    static auto* all = new std::vector<CUstream_st*>;
    return *all;
}

// Of this thread's captures, under cudaStreamCaptureModeThreadLocal or Relaxed.
thread_local int captures = 0;
thread_local bool relaxed = false;

CUstream_st& default_stream() {
    static auto* one = new CUstream_st;
    return *one;
}

// What comes next on a stream comes behind these.
timeline::Steps before(cudaStream_t stream) {
    timeline::Steps steps = stream ? stream->last : default_stream().last;
    const auto add = [&](const CUstream_st& other) { steps.insert(steps.end(), other.last.begin(), other.last.end()); };
    if (!stream) {
        for (const CUstream_st* other : all_streams())
            if (other->blocking) add(*other);
    } else if (stream->blocking) {
        add(default_stream());
    }
    return steps;
}

// Something was put on the stream; the default stream and those that wait for it come behind that too.
void put_on(cudaStream_t stream, bool kernel) {
    if (!stream) {
        for (CUstream_st* other : all_streams())
            if (other->blocking) other->behind_kernel = false;
    } else if (stream->blocking && !stream->capture) {
        default_stream().behind_kernel = false;
    }
    (stream ? *stream : default_stream()).behind_kernel = kernel;
}

template <class List>
void add_missing(List& to, const List& from) {
    for (const auto one : from)
        if (std::find(to.begin(), to.end(), one) == to.end()) to.push_back(one);
}

}  // namespace

cudaError_t& purnet::emulator::last_error() {
    thread_local cudaError_t error = cudaSuccess;
    return error;
}

cudaError_t purnet::emulator::result(cudaError_t error) {
    if (error != cudaSuccess) last_error() = error;
    return error;
}

// While it captures a thread may not wait, or use the default stream, which would wait for the one that captures; and allocate only in
// relaxed mode.
bool purnet::emulator::forbidden() { return captures > 0; }
bool purnet::emulator::may_allocate() { return captures == 0 || relaxed; }

cudaError_t purnet::emulator::submit(cudaStream_t stream, std::function<void()> run, const char* kind, bool asynchronous) {
    if (!stream && forbidden()) return result(cudaErrorStreamCaptureUnsupported);
    put_on(stream, std::strcmp(kind, "kernel") == 0);
    const std::string scope = purnet::scope_text();
    std::string what = scope.empty() ? kind : scope + ", " + kind;
    if (stream && stream->capture) {
        stream->capture->nodes.push_back({std::move(what), std::move(run), std::move(stream->captured)});
        stream->captured = {stream->capture->nodes.size() - 1};
        return cudaSuccess;
    }
    const timeline::Steps after = before(stream);
    const bool at_once = !asynchronous && timeline::done(after);
    const timeline::Steps step{timeline::add(std::move(what), std::move(run), after)};
    (stream ? *stream : default_stream()).last = step;
    if (at_once) timeline::finish(step);
    return cudaSuccess;
}

bool purnet::emulator::behind_kernel(cudaStream_t stream) { return (stream ? *stream : default_stream()).behind_kernel; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
    *stream = new CUstream_st;
    (*stream)->blocking = flags != cudaStreamNonBlocking;
    all_streams().push_back(*stream);
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    if (stream->capture) return result(cudaErrorStreamCaptureUnsupported);
    if (stream->blocking) add_missing(default_stream().last, stream->last);
    std::erase(all_streams(), stream);
    delete stream;
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (stream ? stream->capture != nullptr : forbidden()) return result(cudaErrorStreamCaptureUnsupported);
    timeline::wait(before(stream));
    return cudaSuccess;
}
// A stream that waits for an event of a capture joins that capture.
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    if (!stream && (forbidden() || event->capture)) return result(cudaErrorStreamCaptureUnsupported);
    CUstream_st& waits = stream ? *stream : default_stream();
    if (waits.capture && event->capture != waits.capture) return result(capture_isolation);
    put_on(stream, false);
    waits.capture = event->capture;
    if (event->capture)
        add_missing(waits.captured, event->captured);
    else
        add_missing(waits.last, event->behind);
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
    *event = new CUevent_st;
    return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    if (!stream && forbidden()) return result(cudaErrorStreamCaptureUnsupported);
    event->capture = stream ? stream->capture : nullptr;
    if (!event->capture) put_on(stream, false);  // a recording keeps no trace of it
    event->captured = event->capture ? stream->captured : std::vector<size_t>();
    event->behind = event->capture ? timeline::Steps() : before(stream);
    event->time = std::chrono::steady_clock::now();
    event->recorded = true;
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (event->capture) return result(cudaErrorStreamCaptureUnsupported);
    timeline::wait(event->behind);
    return cudaSuccess;
}
cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    if (!begin->recorded || !end->recorded) return result(cudaErrorInvalidValue);
    *milliseconds = std::chrono::duration<float, std::milli>(end->time - begin->time).count();
    return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
    if (!stream || stream->capture) return result(cudaErrorStreamCaptureUnsupported);
    stream->behind_kernel = false;
    stream->capture = new CUgraph_st;
    stream->began = true;
    ++captures;
    relaxed = mode == cudaStreamCaptureModeRelaxed;
    return cudaSuccess;
}
// Every stream that joined must have been waited for.
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    if (!stream || !stream->began) return result(cudaErrorStreamCaptureUnmatched);
    *graph = stream->capture;
    (*graph)->last = std::move(stream->captured);
    std::vector<bool> joined((*graph)->nodes.size(), false);
    for (const size_t node : (*graph)->last) joined[node] = true;
    for (size_t i = joined.size(); i-- > 0;)
        if (joined[i])
            for (const size_t before : (*graph)->nodes[i].after) joined[before] = true;
    bool all = true;
    for (CUstream_st* other : all_streams()) {
        if (other->capture != *graph) continue;
        for (const size_t node : other->captured) all = all && joined[node];
        other->capture = nullptr;
        other->captured.clear();
        other->behind_kernel = false;
    }
    stream->began = false;
    --captures;
    if (all) return cudaSuccess;
    delete std::exchange(*graph, nullptr);
    return result(capture_unjoined);
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
    *status = stream && stream->capture ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* runnable, cudaGraph_t graph, unsigned long long) {
    *runnable = new CUgraphExec_st{*graph};
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t runnable, cudaStream_t stream) {
    if (stream && stream->capture) return result(cudaErrorStreamCaptureUnsupported);
    const timeline::Steps behind = before(stream);
    const bool at_once = timeline::done(behind);
    timeline::Steps steps;
    for (const CUgraph_st::Node& node : runnable->graph.nodes) {
        timeline::Steps after = node.after.empty() ? behind : timeline::Steps();
        for (const size_t i : node.after) after.push_back(steps[i]);
        steps.push_back(timeline::add(node.what, node.run, after));
    }
    if (steps.empty()) return cudaSuccess;
    put_on(stream, false);
    timeline::Steps& last = (stream ? *stream : default_stream()).last;
    last.clear();
    for (const size_t i : runnable->graph.last) last.push_back(steps[i]);
    if (at_once) timeline::finish(last);
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t runnable) {
    delete runnable;
    return cudaSuccess;
}
