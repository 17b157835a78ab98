// Which ops have no CUDA twin, and that of all others every direction ran: a twin that is gone must not pass as one without cases.
#pragma once

#include "tests/records/walk.h"

namespace purnet::test {

// 8 bits and the CPU's bf16 convolution are forms of the CPU alone; rounding to bf16 has no float32 form, and what an optimiser holds is
// float32 always.
inline bool has_cuda_twin(const std::string& op, DType dtype) {
    if (op == "conv2d_int8" || op == "conv2d_bf16") return false;
    return op != (dtype == DType::bf16 ? "optimiser" : "round_bf16");
}

// After a walk over the CUDA twins of every op: `walked` of each of record::all().
inline void check_all_ran(const std::vector<Walked>& walked, DType dtype) {
    int cases = 0;
    for (size_t i = 0; i < walked.size(); ++i) {
        const std::string& op = record::all()[i].name;
        cases += walked[i].cases;
        if (std::getenv("PURNET_RECORD")) continue;
        for (const auto& [direction, ran] : walked[i].directions)
            CHECK_MESSAGE((ran > 0) == has_cuda_twin(op, dtype), op, ".", direction, " ", name_of(dtype), ": ", ran,
                          " runs of a CUDA twin");
    }
    CHECK_MESSAGE(cases > 0, "PURNET_RECORD names no case that is wanted");
}

}  // namespace purnet::test
