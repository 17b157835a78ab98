#include "kernels/runtime/launch_graph.h"

namespace purnet {
namespace {

RecordLaunches& cuda_recorder() {
    static RecordLaunches recorder = nullptr;
    return recorder;
}

}  // namespace

void register_recorder(DeviceType type, RecordLaunches recorder) {
    if (type == DeviceType::cuda) cuda_recorder() = recorder;
}

std::unique_ptr<LaunchGraph> record_launches(const Device& device, const std::function<void(const Context&)>& body) {
    return device.type == DeviceType::cuda && cuda_recorder() ? cuda_recorder()(device, body) : nullptr;
}

}  // namespace purnet
