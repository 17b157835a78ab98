// The one oneDNN engine and stream; code that includes this follows oneDNN 2.6 and 3.x.
#pragma once

#include <oneapi/dnnl/dnnl.hpp>
#include <utility>

namespace purnet::onednn {

// Limits oneDNN to the instruction set in use (PURNET_ISA) before its first primitive exists.
const dnnl::engine& engine();
dnnl::stream& stream();

// Memory of the caller as the library sees it.
inline dnnl::memory at(const dnnl::memory::desc& desc, const void* p) { return dnnl::memory(desc, engine(), const_cast<void*>(p)); }

// A primitive's description from what its own documentation lists.
template <class Primitive, class... Rest>
typename Primitive::primitive_desc describe(const dnnl::primitive_attr& attr, Rest&&... rest) {
#if DNNL_VERSION_MAJOR >= 3
    return typename Primitive::primitive_desc(engine(), std::forward<Rest>(rest)..., attr);
#else
    return typename Primitive::primitive_desc({std::forward<Rest>(rest)...}, attr, engine());
#endif
}

// Backward descriptions ask for a hint, the forward's description.
template <class Primitive, class Hint, class... Rest>
typename Primitive::primitive_desc describe_backward(const dnnl::primitive_attr& attr, const Hint& hint, Rest&&... rest) {
#if DNNL_VERSION_MAJOR >= 3
    return typename Primitive::primitive_desc(engine(), std::forward<Rest>(rest)..., hint, attr);
#else
    return typename Primitive::primitive_desc({std::forward<Rest>(rest)...}, attr, engine(), hint);
#endif
}

}  // namespace purnet::onednn
