#include "apps/run/computing_device.h"

#include "apps/run/console.h"
#include "kernels/runtime/accelerators.h"

namespace purnet {
namespace {

std::string& wish() {
    static std::string name = "auto";
    return name;
}

}  // namespace

void wish_device(const std::string& name) { wish() = name; }

Device computing_device() {
    static const Device device = [] {
        const DeviceChoice choice = choose_device(wish());
        say("computing on ", choice.because);
        return choice.device;
    }();
    return device;
}

}  // namespace purnet
