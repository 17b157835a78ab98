#include "tests/emulator/support_table.h"

#include <algorithm>
#include <sstream>

#include "kernels/runtime/error.h"

namespace purnet::test {
namespace {

using namespace record;

struct Column {
    const char* title;
    Key key;
};
constexpr Column columns[] = {{"reference float64", {DeviceType::reference, DType::f64}},
                              {"CPU float32", {DeviceType::cpu, DType::f32}},
                              {"CPU bf16", {DeviceType::cpu, DType::bf16}},
                              {"CUDA float32", {DeviceType::cuda, DType::f32}},
                              {"CUDA bf16", {DeviceType::cuda, DType::bf16}}};

// A direction has a twin where every case of it has one.
using Row = std::vector<bool>;
std::vector<std::pair<std::string, Row>> rows_of(const OpRecord& op) {
    std::vector<std::pair<std::string, Row>> rows;
    for (const Case& c : op.cases())
        for (const Direction& direction : c.directions) {
            auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first == direction.name; });
            if (row == rows.end()) row = rows.insert(row, {direction.name, Row(std::size(columns), true)});
            for (size_t i = 0; i < std::size(columns); ++i) row->second[i] = row->second[i] && direction.available(columns[i].key);
        }
    return rows;
}

}  // namespace

std::string support_table(const std::vector<OpRecord>& ops) {
    std::ostringstream table, formulas, wrong;
    std::vector<std::string> reasons;
    for (const OpRecord& op : ops) {
        const auto rows = rows_of(op);
        for (const auto& [direction, row] : rows) {
            table << "| " << op.name << " | " << direction << " |";
            for (size_t i = 0; i < std::size(columns); ++i) {
                if (row[i]) {
                    table << " yes |";
                    continue;
                }
                const auto absent =
                    std::find_if(op.absent.begin(), op.absent.end(), [&](const Absent& a) { return a.key == columns[i].key; });
                if (absent == op.absent.end()) {
                    wrong << "\n  " << op.name << ' ' << direction << ", " << columns[i].title << ": no twin, and no reason";
                    continue;
                }
                auto reason = std::find(reasons.begin(), reasons.end(), absent->why_not);
                if (reason == reasons.end()) reason = reasons.insert(reason, absent->why_not);
                table << " - (" << reason - reasons.begin() + 1 << ") |";
            }
            table << '\n';
        }
        for (const Absent& absent : op.absent)
            for (size_t i = 0; i < std::size(columns); ++i)
                for (const auto& [direction, row] : rows)
                    if (columns[i].key == absent.key && row[i])
                        wrong << "\n  " << op.name << ' ' << direction << ", " << columns[i].title
                              << ": a twin, and a reason why there is none";
        formulas << "- **" << op.name << "**: " << op.formula << '\n';
    }
    require(wrong.str().empty(), "op records (kernels/record/record.h, Absent):", wrong.str());
    std::ostringstream out;
    out << "# Ops\n\nWritten by `make docs` from the op records. A dash has a reason, by its number below the table.\n\n| op | direction |";
    for (const Column& column : columns) out << ' ' << column.title << " |";
    out << "\n|---|---|";
    for (size_t i = 0; i < std::size(columns); ++i) out << "---|";
    out << '\n' << table.str() << '\n';
    for (size_t i = 0; i < reasons.size(); ++i) out << i + 1 << ". " << reasons[i] << '\n';
    out << "\n## Formulas\n\n" << formulas.str();
    return out.str();
}

}  // namespace purnet::test
