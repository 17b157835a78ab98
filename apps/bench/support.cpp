#include <set>
#include <sstream>

#include "apps/bench/bench.h"
#include "kernels/record/record.h"

namespace purnet::bench {

std::string support_table() {
    using namespace record;
    struct Column {
        const char* title;
        Key key;
    };
    static constexpr Column columns[] = {{"reference float64", {DeviceType::reference, DType::f64}},
                                         {"CPU float32", {DeviceType::cpu, DType::f32}},
                                         {"CPU bf16", {DeviceType::cpu, DType::bf16}},
                                         {"CUDA float32", {DeviceType::cuda, DType::f32}},
                                         {"CUDA bf16", {DeviceType::cuda, DType::bf16}}};
    std::ostringstream out;
    out << "# Ops\n\nWritten by `make docs` from the op records. A dash is a hole.\n\n| op | direction |";
    for (const Column& column : columns) out << ' ' << column.title << " |";
    out << "\n|---|---|";
    for (size_t i = 0; i < std::size(columns); ++i) out << "---|";
    out << '\n';
    std::ostringstream formulas;
    for (const OpRecord& op : all()) {
        std::set<std::string> seen;
        for (const Case& c : op.cases())
            for (const Direction& direction : c.directions) {
                if (!seen.insert(direction.name).second) continue;
                out << "| " << op.name << " | " << direction.name << " |";
                for (const Column& column : columns) out << (direction.available(column.key) ? " yes |" : " - |");
                out << '\n';
            }
        formulas << "- **" << op.name << "**: " << op.formula << '\n';
    }
    out << "\n## Formulas\n\n" << formulas.str();
    return out.str();
}

}  // namespace purnet::bench
