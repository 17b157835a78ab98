#include "kernels/runtime/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace purnet {
namespace {

constexpr size_t huge_page = size_t{2} << 20;
constexpr size_t least_reserved = size_t{64} << 20;

size_t up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

Arena::Arena(size_t bytes) {
    for (size_t size = up(bytes, huge_page); size >= least_reserved; size = up(size / 2, huge_page)) {
        void* const got = mmap(nullptr, size + huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (got == MAP_FAILED) continue;
        base_ = reinterpret_cast<char*>(up(reinterpret_cast<uintptr_t>(got), huge_page));
        reserved_ = size;
#ifdef MADV_HUGEPAGE
        madvise(base_, reserved_, MADV_HUGEPAGE);  // refused: small pages serve
#endif
        return;
    }
}

Arena::Taken Arena::take(size_t bytes) {
    bytes = up(bytes, grain);
    for (const auto& sizes : by_size_) {
        const auto fit = sizes.lower_bound({bytes, 0});
        if (fit == sizes.end()) continue;
        const size_t offset = fit->second;
        const Hole hole = remove(holes_.find(offset));
        if (hole.bytes > bytes) add(offset + bytes, {hole.bytes - bytes, hole.fresh});
        return {base_ + offset, hole.fresh};
    }
    // A hole before the end grows.
    const auto last = hole_at_top();
    const size_t offset = last == holes_.end() ? top_ : last->first;
    if (bytes > reserved_ - offset || !grow(offset + bytes)) return {};
    const bool fresh = last == holes_.end() || remove(last).fresh;
    top_ = offset + bytes;
    return {base_ + offset, fresh};
}

bool Arena::keeps(size_t bytes) const { return by_size_[false].lower_bound({up(bytes, grain), 0}) != by_size_[false].end(); }

void Arena::put_back(void* data, size_t bytes) {
    bytes = up(bytes, grain);
    size_t offset = static_cast<size_t>(static_cast<char*>(data) - base_);
    if (const auto after = holes_.find(offset + bytes); after != holes_.end()) bytes += remove(after).bytes;
    if (const auto next = holes_.lower_bound(offset); next != holes_.begin())
        if (const auto before = std::prev(next); before->first + before->second.bytes == offset) {
            offset = before->first;
            bytes += remove(before).bytes;
        }
    add(offset, {bytes, false});
}

void Arena::give_back() {
    for (auto& [offset, hole] : holes_) {
        if (hole.fresh) continue;
        madvise(base_ + offset, hole.bytes, MADV_DONTNEED);
        hole.fresh = true;
        by_size_[true].emplace(hole.bytes, offset);
    }
    by_size_[false].clear();
    kept_ = 0;
    if (const auto last = hole_at_top(); last != holes_.end()) {
        top_ = last->first;
        remove(last);
    }
}

Arena::Holes::iterator Arena::hole_at_top() {
    if (holes_.empty()) return holes_.end();
    const auto last = std::prev(holes_.end());
    return last->first + last->second.bytes == top_ ? last : holes_.end();
}

void Arena::add(size_t offset, Hole hole) {
    holes_.emplace(offset, hole);
    by_size_[hole.fresh].emplace(hole.bytes, offset);
    if (!hole.fresh) kept_ += hole.bytes;
}

Arena::Hole Arena::remove(Holes::iterator at) {
    const Hole hole = at->second;
    by_size_[hole.fresh].erase({hole.bytes, at->first});
    if (!hole.fresh) kept_ -= hole.bytes;
    holes_.erase(at);
    return hole;
}

bool Arena::grow(size_t end) {
    if (end <= usable_) return true;
    const size_t to = std::min(up(end, size_t{32} << 20), reserved_);
    if (mprotect(base_ + usable_, to - usable_, PROT_READ | PROT_WRITE) != 0) return false;
    usable_ = to;
    return true;
}

}  // namespace purnet
