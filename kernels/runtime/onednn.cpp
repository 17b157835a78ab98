#include "kernels/runtime/onednn.h"

#include "kernels/runtime/isa.h"

namespace purnet::onednn {
namespace {

dnnl::engine make_engine() {
#if defined(__x86_64__)
    // oneDNN keeps the limit it has seen at its first primitive; where the variable of its own is set as well, the smaller counts.
    if (isa() == Isa::avx2) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
    if (isa() == Isa::baseline) dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
#endif
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
}

}  // namespace

const dnnl::engine& engine() {
    static const dnnl::engine the_engine = make_engine();
    return the_engine;
}

dnnl::stream& stream() {
    thread_local dnnl::stream the_stream(engine());
    return the_stream;
}

}  // namespace purnet::onednn
