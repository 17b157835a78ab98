// Streams, events and graphs of the emulated runtime, and how a step gets onto one (streams.cpp).
#pragma once

#include <functional>

#include "tests/emulator/include/cuda_runtime.h"

namespace purnet::emulator {

// cudaErrorStreamCaptureUnjoined and -Isolation, which no file of the product names.
inline constexpr auto capture_unjoined = static_cast<cudaError_t>(904), capture_isolation = static_cast<cudaError_t>(905);

// Keeps the error for cudaGetLastError().
cudaError_t result(cudaError_t error);
cudaError_t& last_error();

// May the thread not do now what would wait, or use the default stream? It captures.
bool forbidden();
bool may_allocate();

// Takes a step up, or records it where the stream captures. kind: for reports. Steps are done at once, but for asynchronous copies between
// page-locked memory and the device, and whatever is put in behind one: they wait until somebody waits for them, so that a wait that is
// missing is seen in what they copy.
cudaError_t submit(cudaStream_t stream, std::function<void()> run, const char* kind, bool asynchronous = false);
// Is a kernel of its own the last that was put on the stream, and nothing since that it would have to wait for?
bool behind_kernel(cudaStream_t stream);

}  // namespace purnet::emulator
