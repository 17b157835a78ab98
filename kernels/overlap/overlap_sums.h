#pragma once

namespace purnet::overlap {

struct Sums {
    double both = 0, either = 0;  // p g and p + g - p g
};

}  // namespace purnet::overlap
