#include "kernels/runtime/launch_graph.h"

#include "kernels/runtime/current_stream.h"
#include "kernels/runtime/error.h"

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
    if (device.type != DeviceType::cuda || !cuda_recorder()) return nullptr;
    return cuda_recorder()(device, [&](const Context& context) {
        const OnStream recording(context.stream);
        body(context);
    });
}

void Replay::run(const std::function<void(const Context&)>& body) {
    if (ran_ && !graph_ && why_not_.empty()) {
        try {
            graph_ = record_launches(device_, body);
            if (!graph_) why_not_ = name_of(device_) + " has no launch graphs";
        } catch (const Error& error) {
            why_not_ = error.what();
        }
    }
    if (graph_)
        graph_->launch();
    else
        body({device_, nullptr});
    ran_ = true;
}

}  // namespace purnet
