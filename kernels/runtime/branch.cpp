#include "kernels/runtime/branch.h"

#include <utility>

#include "kernels/runtime/current_stream.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

SideStreams& cuda_streams() {
    static SideStreams streams;
    return streams;
}

}  // namespace

void register_side_streams(DeviceType type, const SideStreams& streams) {
    if (type == DeviceType::cuda) cuda_streams() = streams;
}

const SideStreams* side_streams(DeviceType type) { return type == DeviceType::cuda && cuda_streams().make ? &cuda_streams() : nullptr; }

Branch::Branch(const Device& device) : device_(device), main_(side_streams(device.type) ? current_stream() : nullptr) {}

Branch::~Branch() {
    try {
        join();
    } catch (const Error&) {
        // The recording was given up: its end says why.
    }
}

void Branch::run(std::function<void(const Context&)> launches) {
    if (!parallel()) return launches({device_, current_stream()});
    const SideStreams& streams = *side_streams(device_.type);
    if (!side_) side_ = streams.make();
    streams.wait(side_, streams.mark(main_));
    const OnStream beside(side_);
    runs_.push_back({std::move(launches), nullptr});  // kept from here on: what it has launched before it throws may be recorded
    runs_.back().launches({device_, side_});
    runs_.back().end = streams.mark(side_);
}

void Branch::join(size_t under_way) {
    if (runs_.size() <= under_way) return;
    const auto first_left = runs_.end() - static_cast<std::ptrdiff_t>(under_way);
    if (void* const end = std::prev(first_left)->end) side_streams(device_.type)->wait(main_, end);
    runs_.erase(runs_.begin(), first_left);
}

}  // namespace purnet
