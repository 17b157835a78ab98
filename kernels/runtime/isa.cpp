#include "kernels/runtime/isa.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "kernels/runtime/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace purnet {
namespace {

CpuFeatures detect() {
    CpuFeatures found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    // GCC's and clang's check includes the operating system's consent (XGETBV).
    found.avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    found.avx512 = found.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    found.avx512_vnni = found.avx512 && __builtin_cpu_supports("avx512vnni");
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        found.avx_vnni = found.avx2 && (a & (1u << 4));
        found.avx512_bf16 = found.avx512 && (a & (1u << 5));
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) found.amx = found.avx512 && (d & (1u << 24));
#endif
    return found;
}

Isa best() {
    const CpuFeatures& cpu = cpu_features();
    return cpu.avx512 ? Isa::avx512 : cpu.avx2 ? Isa::avx2 : Isa::baseline;
}

Isa chosen() {
    const char* wish = std::getenv("PURNET_ISA");
    if (!wish || !*wish) return best();
    for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        if (std::strcmp(wish, name_of(isa)) != 0) continue;
        require(isa <= best(), "PURNET_ISA=", wish, ": this CPU has only ", name_of(best()));
        return isa;
    }
    fail("PURNET_ISA=", wish, ": use baseline, avx2 or avx512");
}

std::atomic<Isa>& current() {
    static std::atomic<Isa> value{chosen()};
    return value;
}

}  // namespace

const CpuFeatures& cpu_features() {
    static const CpuFeatures features = detect();
    return features;
}

Isa isa() { return current().load(std::memory_order_relaxed); }

const char* name_of(Isa isa) { return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "baseline"; }

void force_isa(Isa isa) {
    require(isa <= best(), "instruction set ", name_of(isa), " is not there; this CPU has ", name_of(best()));
    current().store(isa, std::memory_order_relaxed);
}

}  // namespace purnet
