#include "data/check/held_out.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/random/philox.h"
#include "data/check/duplicates.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet {

std::vector<int64_t> alike_groups(const DataSet& set) {
    constexpr int enough = 48;  // pixels of a side: half as many again as the hash looks at
    const size_t count = set.size();
    std::vector<std::optional<Signature>> signatures(count);
    parallel_for(static_cast<int64_t>(count), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const size_t item = static_cast<size_t>(i);
            try {
                signatures[item] = signature_of(set.read_image_reduced(item, enough));
            } catch (const Error&) {
                signatures[item].reset();
            }
        }
    });
    std::vector<const Signature*> pictures;
    for (const auto& signature : signatures) pictures.push_back(signature ? &*signature : nullptr);
    const Duplicates found = find_duplicates(pictures, usual_near);
    std::vector<int64_t> first(count);
    std::iota(first.begin(), first.end(), int64_t{0});
    // Groups of near-duplicates hold the first of each group of exact ones, so these follow them.
    for (const DuplicateGroup& group : found.near)
        for (const size_t member : group.members) first[member] = static_cast<int64_t>(group.members.front());
    for (const DuplicateGroup& group : found.exact)
        for (const size_t member : group.members) first[member] = first[group.members.front()];
    return first;
}

HeldOut hold_out(const std::vector<int64_t>& groups, double fraction, uint64_t seed) {
    require(fraction >= 0 && fraction < 1, "the part that is held out is ", fraction, ", it must lie in 0 to below 1");
    const auto count = static_cast<int64_t>(groups.size());
    std::vector<std::vector<int64_t>> members(groups.size());
    for (int64_t i = 0; i < count; ++i) members[static_cast<size_t>(groups[static_cast<size_t>(i)])].push_back(i);

    int64_t left = fraction > 0 ? std::max<int64_t>(1, std::llround(static_cast<double>(count) * fraction)) : 0;
    left = std::min(left, count - 1);
    std::vector<bool> held(groups.size()), met(groups.size());
    const auto take = [&](const std::vector<int64_t>& group) {
        for (const int64_t i : group) held[static_cast<size_t>(i)] = true;
        left -= static_cast<int64_t>(group.size());
    };
    const std::vector<int64_t> order = RandomStream(seed, "held out").permutation(0, count);
    const std::vector<int64_t>* smallest = nullptr;
    bool any = false;
    for (const int64_t i : order) {
        const auto group = static_cast<size_t>(groups[static_cast<size_t>(i)]);
        if (left <= 0 || met[group]) continue;
        met[group] = true;
        if (!smallest || members[group].size() < smallest->size()) smallest = &members[group];
        if (static_cast<int64_t>(members[group].size()) > left) continue;
        take(members[group]);
        any = true;
    }
    if (left > 0 && !any) {
        require(static_cast<int64_t>(smallest->size()) < count, "all ", count,
                " pictures are near-duplicates of each other, so none can be held out for validation; give others with --val, or train "
                "without validation by --val-fraction 0");
        take(*smallest);
    }
    HeldOut result;
    for (int64_t i = 0; i < count; ++i) (held[static_cast<size_t>(i)] ? result.held_out : result.train).push_back(i);
    return result;
}

}  // namespace purnet
