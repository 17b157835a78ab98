// The device that this process computes on: what --device wishes, decided once.
#pragma once

#include <string>

#include "kernels/runtime/device.h"

namespace purnet {

// A name that choose_device (kernels/runtime/accelerators.h) knows; "auto" where nobody wishes.
void wish_device(const std::string& name);

// Decides on the first call, since opening a CUDA device takes time that --help should not, and says what it took and why. An Error
// where the wish cannot be fulfilled.
Device computing_device();

}  // namespace purnet
