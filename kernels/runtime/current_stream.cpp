#include "kernels/runtime/current_stream.h"

#include <utility>

namespace purnet {
namespace {
thread_local void* current = nullptr;
}

void* current_stream() { return current; }

OnStream::OnStream(void* stream) : previous_(std::exchange(current, stream)) {}
OnStream::~OnStream() { current = previous_; }

}  // namespace purnet
