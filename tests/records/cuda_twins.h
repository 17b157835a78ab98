// That every direction of every op ran, but of ops whose records say why they have no CUDA twin: one that is gone must not pass as one
// without cases.
#pragma once

#include <algorithm>

#include "tests/records/walk.h"

namespace purnet::test {

inline bool has_cuda_twin(const record::OpRecord& op, DType dtype) {
    return std::none_of(op.absent.begin(), op.absent.end(), [&](const record::Absent& absent) {
        return absent.key == Key{DeviceType::cuda, dtype};
    });
}

// After a walk over the CUDA twins of every op: `walked` of each of record::all().
inline void check_all_ran(const std::vector<Walked>& walked, DType dtype) {
    int cases = 0;
    for (size_t i = 0; i < walked.size(); ++i) {
        const record::OpRecord& op = record::all()[i];
        cases += walked[i].cases;
        if (std::getenv("PURNET_RECORD")) continue;
        for (const auto& [direction, ran] : walked[i].directions)
            CHECK_MESSAGE((ran > 0) == has_cuda_twin(op, dtype), op.name, ".", direction, " ", name_of(dtype), ": ", ran,
                          " runs of a CUDA twin");
    }
    CHECK_MESSAGE(cases > 0, "PURNET_RECORD names no case that is wanted");
}

}  // namespace purnet::test
