// Which steps of a plan may run beside each other on a device: those with no path of data between them, in rows of steps called lanes, each
// of which becomes a stream of what is recorded (kernels/runtime/branch.h).
#pragma once

#include <vector>

#include "core/plan/graph.h"

namespace purnet {

class Lanes {
public:
    // At most so many lanes. A step goes on with the lane of one that it reads from, as long as nobody else did; else it takes a lane
    // whose steps all lie before it anyway, else a new one; else it waits in the lane of the last one that it reads from.
    Lanes(const Graph& graph, int most);

    int count() const { return count_; }
    int lane(size_t step) const { return lane_[step]; }  // 0: of the recording itself
    // Steps of other lanes whose end it waits for: the last of each lane that it depends on and that its own lane has not waited for.
    const std::vector<int>& waits(size_t step) const { return waits_[step]; }
    bool waited_for(size_t step) const { return waited_for_[step] != 0; }
    // Whether step a has ended when b begins, whatever else happens.
    bool before(size_t a, size_t b) const { return before_[b][a]; }

private:
    int count_ = 0;
    std::vector<int> lane_;
    std::vector<std::vector<int>> waits_;
    std::vector<char> waited_for_;
    std::vector<std::vector<bool>> before_;  // by step: which steps lie before it
};

// The memory that a plan's steps need at some time, without places: whose it is is told by who uses it.
struct Use {
    size_t writer = 0;            // step
    std::vector<size_t> readers;  // steps; none: the writer's workspace, or a value that nobody wants
};
// Whether two pieces of memory may be in use at the same time.
bool together(const Lanes& lanes, const Use& a, const Use& b);

}  // namespace purnet
