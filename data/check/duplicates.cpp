#include "data/check/duplicates.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>

#include "kernels/runtime/parallel.h"

namespace purnet {
namespace {

// Sets that merge; the smallest member stands for its set.
class Groups {
public:
    explicit Groups(size_t n) : parent_(n), found_(n) { std::iota(parent_.begin(), parent_.end(), size_t{0}); }

    void join(size_t a, size_t b, const Likeness& like) {
        a = root(a), b = root(b);
        if (b < a) std::swap(a, b);
        parent_[b] = a;
        Found joined = found_[a];
        if (a != b) {
            joined.least = std::min(joined.least, found_[b].least);
            joined.most = std::max(joined.most, found_[b].most);
            joined.mirrored |= found_[b].mirrored;
        }
        joined.least = std::min(joined.least, like.correlation);
        joined.most = std::max(joined.most, like.correlation);
        joined.mirrored |= like.mirrored;
        found_[a] = joined;
    }

    std::vector<DuplicateGroup> take() {
        std::map<size_t, DuplicateGroup> groups;
        for (size_t i = 0; i < parent_.size(); ++i)
            if (root(i) != i || found_[i].most >= -1) groups[root(i)].members.push_back(i);
        std::vector<DuplicateGroup> result;
        for (auto& [first, group] : groups) {
            group.least = found_[first].least;
            group.most = found_[first].most;
            group.mirrored = found_[first].mirrored;
            result.push_back(std::move(group));
        }
        return result;
    }

private:
    struct Found {
        double least = 2, most = -2;
        bool mirrored = false;
    };

    size_t root(size_t i) {
        while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
        return i;
    }

    std::vector<size_t> parent_;
    std::vector<Found> found_;
};

}  // namespace

Duplicates find_duplicates(const std::vector<const Signature*>& pictures, double threshold) {
    std::vector<size_t> order;
    for (size_t i = 0; i < pictures.size(); ++i)
        if (pictures[i]) order.push_back(i);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        const Signature &s = *pictures[a], &t = *pictures[b];
        return s.content != t.content ? s.content < t.content : a < b;
    });
    Groups exact(pictures.size()), near(pictures.size());
    std::vector<size_t> distinct;
    for (size_t k = 0; k < order.size(); ++k) {
        if (k > 0 && pictures[order[k - 1]]->same(*pictures[order[k]]))
            exact.join(order[k - 1], order[k], {1, false});
        else
            distinct.push_back(order[k]);
    }
    std::sort(distinct.begin(), distinct.end());

    // Rows k and n - 1 - k together, so that every share has the same work.
    const size_t n = distinct.size();
    std::mutex mutex;
    const auto compare_row = [&](size_t k) {
        const Signature& one = *pictures[distinct[k]];
        for (size_t j = k + 1; j < n; ++j)
            if (const Likeness like = likeness(one, *pictures[distinct[j]]); like.correlation >= threshold) {
                const std::lock_guard lock(mutex);
                near.join(distinct[k], distinct[j], like);
            }
    };
    if (threshold <= 1)
        parallel_for(static_cast<int64_t>((n + 1) / 2), 16, [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; ++row) {
                const size_t k = static_cast<size_t>(row);
                compare_row(k);
                if (n - 1 - k != k) compare_row(n - 1 - k);
            }
        });
    return {exact.take(), near.take()};
}

}  // namespace purnet
