#include "apps/run/table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

size_t width_of(const std::string& text) {
    return static_cast<size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

void put_line(std::string& out, const std::vector<std::string>& cells, const std::vector<size_t>& widths) {
    for (size_t i = 0; i < cells.size(); ++i) {
        const std::string blanks(widths[i] - width_of(cells[i]), ' ');
        if (i) out += "  ";
        out += i ? blanks + cells[i] : cells[i] + blanks;
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
}

}  // namespace

std::string text_of(const TextTable& table) {
    std::vector<size_t> widths;
    for (const std::string& cell : table.head) widths.push_back(width_of(cell));
    for (const auto& row : table.rows) {
        require(row.size() == widths.size(), "table: a row has ", row.size(), " cells, the head ", widths.size());
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string out;
    put_line(out, table.head, widths);
    size_t total = widths.empty() ? 0 : 2 * (widths.size() - 1);
    for (const size_t width : widths) total += width;
    out += std::string(total, '-') + '\n';
    for (const auto& row : table.rows) put_line(out, row, widths);
    return out;
}

std::string fixed_text(double value, int decimals) {
    if (std::isnan(value)) return "-";
    char text[400];
    std::snprintf(text, sizeof text, std::abs(value) < 1e9 ? "%.*f" : "%.*g", decimals, value);
    return text;
}

std::string exact_text(double value) {
    if (std::isnan(value)) return "";
    char text[64];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return std::string(text, end);
}

}  // namespace purnet
