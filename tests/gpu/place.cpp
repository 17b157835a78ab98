#include "tests/device/place.h"

#include "kernels/runtime/accelerators.h"

namespace purnet::test {

Place place() { return {choose_device("cuda").device, true, true, true}; }

}  // namespace purnet::test
