// The one oneDNN engine and stream; code that includes this follows oneDNN 2.6 and 3.x.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>

namespace purnet::onednn {

// Limits oneDNN to the instruction set in use (PURNET_ISA) before its first primitive exists.
const dnnl::engine& engine();
dnnl::stream& stream();

}  // namespace purnet::onednn
