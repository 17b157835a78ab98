#include "kernels/record/record.h"

#include <algorithm>

namespace purnet::record {
namespace {
std::vector<OpRecord>& records() {
    static std::vector<OpRecord> list;
    return list;
}
}  // namespace

DType Operand::dtype(DType activation) const {
    if (role == Role::workspace) return DType::u8;
    switch (kind) {
        case Kind::activation: return activation;
        case Kind::parameter: return parameter_dtype(activation);
        case Kind::int32: return DType::i32;
        case Kind::uint8: return DType::u8;
    }
    return activation;
}

bool add(OpRecord record) {
    auto& list = records();
    const auto at =
        std::lower_bound(list.begin(), list.end(), record.name, [](const OpRecord& r, const std::string& name) { return r.name < name; });
    list.insert(at, std::move(record));
    return true;
}

const std::vector<OpRecord>& all() { return records(); }

}  // namespace purnet::record
