// The extents of a tensor, slowest first: images are N,H,W,C, convolution weights O,kH,kW,I.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/runtime/error.h"

namespace purnet {

class Shape {
public:
    static constexpr int max_rank = 6;

    Shape() = default;
    Shape(std::initializer_list<int64_t> extents) : Shape(extents.begin(), extents.end()) {}
    explicit Shape(const std::vector<int64_t>& extents) : Shape(extents.begin(), extents.end()) {}

    int rank() const { return rank_; }
    int64_t operator[](int axis) const { return extents_[axis < 0 ? rank_ + axis : axis]; }
    int64_t count() const {
        int64_t n = 1;
        for (int i = 0; i < rank_; ++i) n *= extents_[i];
        return n;
    }
    const int64_t* begin() const { return extents_.data(); }
    const int64_t* end() const { return extents_.data() + rank_; }
    std::vector<int64_t> vector() const { return {begin(), end()}; }
    bool operator==(const Shape& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }

    // "2x40x40x128"; a scalar is "scalar".
    std::string text() const {
        if (rank_ == 0) return "scalar";
        std::string s;
        for (int i = 0; i < rank_; ++i) s += (i ? "x" : "") + std::to_string(extents_[i]);
        return s;
    }
    friend std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.text(); }

private:
    template <class It>
    Shape(It first, It last) {
        require(last - first <= max_rank, "a tensor has at most ", max_rank, " axes, not ", last - first);
        for (; first != last; ++first) {
            require(*first >= 0, "a tensor's extent is ", *first);
            extents_[rank_++] = *first;
        }
    }

    std::array<int64_t, max_rank> extents_{};
    int rank_ = 0;
};

}  // namespace purnet
