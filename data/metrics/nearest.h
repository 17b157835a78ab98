// Exact Euclidean distance transform with the nearest pixel: for every pixel of an H x W picture the squared distance to the
// nearest member of a set, and which member that is. Of several nearest ones it is the one with the smallest column, and then
// with the smallest row (the choice of scipy's transform, on which the weighted F-measure depends).
// Two passes of O(W H): columns, then the lower envelope of parabolas along rows (Meijster, Roerdink, Hesselink 2000), in
// integers throughout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace purnet::metrics {

struct NearestMember {
    int32_t x = 0, y = 0;
};

class NearestTransform {
public:
    // member(x, y) != 0 where member[y * width + x] != 0. At least one pixel must be a member; sides are at most 2^20.
    void run(const uint8_t* member, int64_t width, int64_t height);

    int64_t squared_distance(int64_t index) const { return squared_[static_cast<size_t>(index)]; }
    NearestMember nearest(int64_t index) const { return nearest_[static_cast<size_t>(index)]; }

private:
    std::vector<int32_t> column_row_;  // [H, W] row of the nearest member of the same column, or -1
    std::vector<int64_t> squared_;
    std::vector<NearestMember> nearest_;
    std::vector<int32_t> site_, from_;  // envelope: columns of its parabolas and where each begins
};

}  // namespace purnet::metrics
