#include "kernels/runtime/device.h"

namespace purnet {

std::string name_of(const Device& device) {
    switch (device.type) {
        case DeviceType::cpu: return "cpu";
        case DeviceType::cuda: return "cuda:" + std::to_string(device.index);
        case DeviceType::reference: return "reference";
    }
    return "?";
}

}  // namespace purnet
