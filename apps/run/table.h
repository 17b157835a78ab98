// A table of texts: the first column flush left, the others flush right.
#pragma once

#include <string>
#include <vector>

namespace purnet {

struct TextTable {
    std::vector<std::string> head;
    std::vector<std::vector<std::string>> rows;  // each as long as `head`
};

// Columns two blanks apart, a line under the head; every line ends with '\n'. Widths count code points.
std::string text_of(const TextTable& table);

// A number with `decimals` places, "-" for NaN.
std::string fixed_text(double value, int decimals);
// The shortest text that reads back as the same double, "" for NaN.
std::string exact_text(double value);

}  // namespace purnet
