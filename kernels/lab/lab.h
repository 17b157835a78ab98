// The lab: ops as ladders of CUDA kernels, from the plainest one up to the product's own, so that each idea and what it buys can be
// seen alone. docs/kernels.md is the walk.
//
// A rung is one way to compute some directions of an op. It stands in the op's table in place of the product's kernels for as long as
// somebody holds what install() returned; so records, counters and clocks run it as they run the product. The last rung of each
// ladder is the product: what the table holds anyway. Rungs take every problem of their op's contract, with the same workspace, but
// may want all results; null operands are for those that the contract calls inputs.
//
// Linked into tests only; nothing else includes this room.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/runtime/table.h"

namespace purnet::lab {

using Installed = std::shared_ptr<void>;

struct Rung {
    std::string name;
    std::string idea;  // in a few words
    std::function<Installed(DType)> install;
};

struct Ladder {
    std::string op;  // the record that tests it
    std::vector<std::string> directions;
    std::vector<DType> types;
    std::vector<Rung> rungs;
};

// In the order of the files' names.
inline std::vector<Ladder>& ladders() {
    static std::vector<Ladder> all;
    return all;
}
inline bool add(Ladder ladder) {
    ladders().push_back(std::move(ladder));
    return true;
}

// Other kernels under a key of a table, while it lives. A table hands its entries out as constants, since the product never changes one;
// they are not.
template <class Kernels>
class StandIn {
public:
    StandIn(Table<Kernels>& table, Key key, const Kernels& kernels)
        : entry_(const_cast<Kernels&>(*table.find(key))), before_(std::exchange(entry_, kernels)) {}
    ~StandIn() { entry_ = before_; }
    StandIn(const StandIn&) = delete;
    StandIn& operator=(const StandIn&) = delete;

private:
    Kernels& entry_;
    Kernels before_;
};

template <class Kernels>
Rung rung(std::string name, std::string idea, Table<Kernels>& table, std::function<Kernels(DType)> kernels) {
    return {std::move(name), std::move(idea), [&table, kernels = std::move(kernels)](DType type) -> Installed {
                return std::make_shared<StandIn<Kernels>>(table, Key{DeviceType::cuda, type}, kernels(type));
            }};
}
inline Rung product(std::string idea) {
    return {"product", std::move(idea), [](DType) -> Installed { return nullptr; }};
}

}  // namespace purnet::lab
