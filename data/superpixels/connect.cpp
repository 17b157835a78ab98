// Connected regions from labels, by runs: a row is cut into runs of one label; runs that touch along an edge and share it are one component
// (union-find towards the earlier run); components then take their numbers in the order of their first pixels.
#include <algorithm>
#include <vector>

#include "data/superpixels/slic.h"

namespace purnet::slic_detail {
namespace {

struct Run {
    int32_t begin, end;  // columns
    int32_t parent;
};

int32_t root_of(std::vector<Run>& runs, int32_t i) {
    while (runs[static_cast<size_t>(i)].parent != i) {
        int32_t& parent = runs[static_cast<size_t>(i)].parent;
        parent = runs[static_cast<size_t>(parent)].parent;
        i = parent;
    }
    return i;
}

}  // namespace

int connect(int32_t* labels, int width, int height, int stride, int64_t smallest) {
    std::vector<Run> runs;
    std::vector<int32_t> row_start(static_cast<size_t>(height) + 1);
    for (int y = 0; y < height; ++y) {
        const int32_t* row = labels + static_cast<int64_t>(y) * stride;
        const int32_t first = static_cast<int32_t>(runs.size());
        row_start[static_cast<size_t>(y)] = first;
        for (int x = 0; x < width;) {
            const int begin = x;
            while (x < width && row[x] == row[begin]) ++x;
            runs.push_back({begin, x, static_cast<int32_t>(runs.size())});
        }
        if (y == 0) continue;
        const int32_t* above = row - stride;
        int32_t up = row_start[static_cast<size_t>(y) - 1], here = first;
        const int32_t last = static_cast<int32_t>(runs.size());
        while (up < first && here < last) {
            const Run &a = runs[static_cast<size_t>(up)], &b = runs[static_cast<size_t>(here)];
            if (a.begin < b.end && b.begin < a.end && above[a.begin] == row[b.begin]) {
                const int32_t one = root_of(runs, up), other = root_of(runs, here);
                runs[static_cast<size_t>(std::max(one, other))].parent = std::min(one, other);
            }
            if (runs[static_cast<size_t>(up)].end < runs[static_cast<size_t>(here)].end)
                ++up;
            else
                ++here;
        }
    }
    row_start[static_cast<size_t>(height)] = static_cast<int32_t>(runs.size());

    std::vector<int64_t> size(runs.size());
    std::vector<int32_t> region(runs.size(), -1);  // of a component, at its root, which is its first run
    for (size_t i = 0; i < runs.size(); ++i)
        size[static_cast<size_t>(root_of(runs, static_cast<int32_t>(i)))] += runs[i].end - runs[i].begin;

    // The run of row y that covers column x.
    const auto run_at = [&](int y, int32_t x) {
        const auto begin = runs.begin() + row_start[static_cast<size_t>(y)], end = runs.begin() + row_start[static_cast<size_t>(y) + 1];
        return static_cast<int32_t>(std::upper_bound(begin, end, x, [](int32_t column, const Run& run) { return column < run.end; }) -
                                    runs.begin());
    };
    int count = 0;
    for (int y = 0; y < height; ++y)
        for (int32_t i = row_start[static_cast<size_t>(y)]; i < row_start[static_cast<size_t>(y) + 1]; ++i) {
            if (runs[static_cast<size_t>(i)].parent != i) continue;
            const int32_t x = runs[static_cast<size_t>(i)].begin, right = runs[static_cast<size_t>(i)].end;
            int32_t beside = -1;  // the last of left, above, right, below that has its number already
            const auto look = [&](int row, int32_t column) {
                const int32_t number = region[static_cast<size_t>(root_of(runs, run_at(row, column)))];
                if (number >= 0) beside = number;
            };
            if (size[static_cast<size_t>(i)] <= smallest) {
                if (x > 0) look(y, x - 1);
                if (y > 0) look(y - 1, x);
                if (right == x + 1 && right < width) look(y, right);
                if (y + 1 < height) look(y + 1, x);
            }
            region[static_cast<size_t>(i)] = beside >= 0 ? beside : count++;
        }
    for (int y = 0; y < height; ++y)
        for (int32_t i = row_start[static_cast<size_t>(y)]; i < row_start[static_cast<size_t>(y) + 1]; ++i) {
            const Run& run = runs[static_cast<size_t>(i)];
            int32_t* row = labels + static_cast<int64_t>(y) * stride;
            std::fill(row + run.begin, row + run.end, region[static_cast<size_t>(root_of(runs, i))]);
        }
    return count;
}

}  // namespace purnet::slic_detail
