#include "tests/emulator/engine/fault.h"

#include <cstring>

namespace purnet::emulator {

const char* name_of(FaultKind kind) {
    switch (kind) {
        case FaultKind::launch_limit: return "launch limit";
        case FaultKind::divergent_barrier: return "divergent barrier";
        case FaultKind::endless_wait: return "endless wait";
        case FaultKind::wrong_mask: return "wrong mask";
        case FaultKind::misaligned: return "misaligned access";
        case FaultKind::out_of_bounds: return "out of bounds";
        case FaultKind::race: return "race";
        case FaultKind::uninitialised: return "uninitialised shared memory";
        case FaultKind::missing_wait: return "missing wait";
        case FaultKind::missing_fence: return "missing fence";
        case FaultKind::wrong_count: return "wrong count";
        case FaultKind::missing_proxy_fence: return "missing proxy fence";
        case FaultKind::launch_order: return "launch order";
        case FaultKind::bad_descriptor: return "bad descriptor";
        case FaultKind::unsupported: return "unsupported";
    }
    return "?";
}

bool Site::operator==(const Site& other) const { return line == other.line && (file == other.file || std::strcmp(file, other.file) == 0); }

std::string Site::text() const { return std::string(file) + ":" + std::to_string(line); }

}  // namespace purnet::emulator
