// bf16 convolutions on any CPU that can at least pretend to have them.
#pragma once

#include <cstdlib>
#include <string>

#include "kernels/runtime/isa.h"

namespace purnet::test {

// PURNET_BF16 for as long as this lives.
class Bf16Wish {
public:
    explicit Bf16Wish(const char* value) {
        if (const char* before = std::getenv("PURNET_BF16")) before_ = before;
        setenv("PURNET_BF16", value, 1);
    }
    ~Bf16Wish() { before_.empty() ? unsetenv("PURNET_BF16") : setenv("PURNET_BF16", before_.c_str(), 1); }
    Bf16Wish(const Bf16Wish&) = delete;
    Bf16Wish& operator=(const Bf16Wish&) = delete;

private:
    std::string before_;
};

// Whether emulation has the instructions it needs. Where this is true a test may demand that bf16 runs.
inline bool can_emulate_bf16() { return isa() == Isa::avx512; }

}  // namespace purnet::test
