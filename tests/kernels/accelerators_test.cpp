// Which device a program computes on: names, what is missing, and what CUDA devices are asked.
#include <doctest/doctest.h>

#include "kernels/runtime/accelerators.h"
#include "tests/support/refused.h"

namespace purnet {
namespace {

// Two devices, the first of which is too old.
Accelerators two_devices() {
    return {[] { return 2; }, [] { return std::string(); }, [](int i) { return "Device " + std::to_string(i); },
            [](int i) { return std::string(i == 0 ? "is too old" : ""); }};
}

class Registered {
public:
    explicit Registered(const Accelerators& accelerators) : before_(register_accelerators(accelerators)) {}
    ~Registered() { register_accelerators(before_); }

private:
    Accelerators before_;
};

}  // namespace

TEST_CASE("accelerators: names") {
    for (const char* name : {"auto", "cpu", "cuda", "cuda:0", "cuda:17"}) CHECK(is_device_name(name));
    for (const char* name : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999"}) {
        CHECK(!is_device_name(name));
        REFUSED(choose_device(name), "use auto, cpu, cuda or cuda:N");
    }
}

TEST_CASE("accelerators: none") {
    const Registered none({});
    const DeviceChoice choice = choose_device("auto");
    CHECK(choice.device == Device{});
    CHECK(choice.because == "the CPU: this program was built without CUDA");
    REFUSED(choose_device("cuda"), "this program was built without CUDA");
    REFUSED(choose_device("cuda:0"), "this program was built without CUDA");
    Accelerators silent = two_devices();
    silent.count = [] { return 0; };
    silent.absence = [] { return std::string("the driver is asleep"); };
    const Registered asleep(silent);
    CHECK(choose_device("auto").because == "the CPU: the driver is asleep");
    REFUSED(choose_device("cuda:0"), "the driver is asleep");
}

TEST_CASE("accelerators: the first that can be used, and no second one in a process") {
    const Registered devices(two_devices());
    CHECK(choose_device("cpu").device == Device{});
    CHECK(chosen_accelerator() == -1);
    REFUSED(choose_device("cuda:0"), "cuda:0 is too old");
    REFUSED(choose_device("cuda:2"), "cuda:0 to cuda:1 are there");
    const DeviceChoice choice = choose_device("auto");
    CHECK(choice.device == Device{DeviceType::cuda, 1});
    CHECK(choice.because == "cuda:1 (Device 1), the first that can be used");
    CHECK(chosen_accelerator() == 1);
    CHECK(choose_device("cuda").device == choice.device);
    Accelerators both = two_devices();
    both.objection = [](int) { return std::string(); };
    const Registered younger(both);
    REFUSED(choose_device("cuda:0"), "start another one");
    CHECK(chosen_accelerator() == 1);
}

}  // namespace purnet
