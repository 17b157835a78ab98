#include "apps/run/nearest_name.h"

#include <algorithm>

namespace purnet {

int edit_distance(std::string_view a, std::string_view b) {
    const size_t columns = b.size() + 1;
    std::vector<int> before(columns), above(columns), row(columns);
    for (size_t j = 0; j < columns; ++j) row[j] = static_cast<int>(j);
    for (size_t i = 1; i <= a.size(); ++i) {
        std::swap(before, above);
        std::swap(above, row);
        row[0] = static_cast<int>(i);
        for (size_t j = 1; j < columns; ++j) {
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
        }
    }
    return row.back();
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
    std::string best;
    int best_distance = 5;
    for (const std::string& candidate : known) {
        int distance = edit_distance(name, candidate);
        const size_t common = std::min(name.size(), candidate.size());
        const bool beginning = common >= 3 && name.substr(0, common) == std::string_view(candidate).substr(0, common);
        if (!beginning && 3 * distance > static_cast<int>(std::max(name.size(), candidate.size())) + 1) continue;
        if (beginning) distance = std::min(distance, 3);
        if (distance < best_distance) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
    const std::string nearest = nearest_name(name, known);
    return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

}  // namespace purnet
