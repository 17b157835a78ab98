#include "kernels/runtime/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>

namespace purnet {
namespace {

constexpr size_t huge_page = size_t{2} << 20;
constexpr size_t least_reserved = size_t{64} << 20;
constexpr size_t growth = size_t{32} << 20;

size_t up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

}  // namespace

Arena::Arena(size_t bytes) {
    for (size_t size = up(bytes, huge_page); size >= least_reserved; size = up(size / 2, huge_page)) {
        void* const got = mmap(nullptr, size + huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
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
    if (bytes > reserved_) return {};
    bytes = up(bytes, grain);
    for (const auto& sizes : by_size_) {
        const auto fit = sizes.lower_bound({bytes, 0});
        if (fit == sizes.end()) continue;
        const size_t offset = fit->second;
        const Hole hole = remove(holes_.find(offset));
        if (const size_t left = hole.bytes - bytes; left > 0) add(offset + bytes, {left, std::min(hole.used, left)});
        return {base_ + offset, hole.used == 0};
    }
    // A hole before the end grows.
    const auto last = hole_at_top();
    const size_t offset = last == holes_.end() ? top_ : last->first;
    if (bytes > reserved_ - offset || !grow(offset + bytes)) return {};
    const bool fresh = last == holes_.end() || remove(last).used == 0;
    top_ = offset + bytes;
    return {base_ + offset, fresh};
}

bool Arena::owns(const void* data) const {
    const auto at = reinterpret_cast<uintptr_t>(data), begin = reinterpret_cast<uintptr_t>(base_);
    return base_ && at >= begin && at - begin < reserved_;
}

bool Arena::keeps(size_t bytes) const { return bytes <= reserved_ && by_size_[0].lower_bound({up(bytes, grain), 0}) != by_size_[0].end(); }

void Arena::put_back(void* data, size_t bytes) {
    bytes = up(bytes, grain);
    size_t offset = static_cast<size_t>(static_cast<char*>(data) - base_);
    Hole hole{bytes, bytes};
    const auto join = [&](Holes::iterator neighbour) {
        const Hole other = remove(neighbour);
        hole.bytes += other.bytes;
        hole.used += other.used;
    };
    if (const auto after = holes_.find(offset + bytes); after != holes_.end()) join(after);
    if (const auto next = holes_.lower_bound(offset); next != holes_.begin())
        if (const auto before = std::prev(next); before->first + before->second.bytes == offset) {
            offset = before->first;
            join(before);
        }
    add(offset, hole);
}

void Arena::give_back() {
    for (auto& [offset, hole] : holes_) {
        // Refused where a program has locked its memory: then the values stay.
        if (hole.used == 0 || madvise(base_ + offset, hole.bytes, MADV_DONTNEED) != 0) continue;
        by_size_[!hole.mostly_used()].erase({hole.bytes, offset});
        kept_ -= hole.used;
        hole.used = 0;
        by_size_[1].emplace(hole.bytes, offset);
    }
    if (const auto last = hole_at_top(); last != holes_.end() && last->second.used == 0) {
        top_ = last->first;
        remove(last);
    }
    // What is writable counts as promised: addresses that are not needed become mere addresses again.
    const size_t end = up(top_, growth);
    if (end < usable_ && mmap(base_ + end, usable_ - end, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
#ifdef MADV_HUGEPAGE
        madvise(base_ + end, usable_ - end, MADV_HUGEPAGE);
#endif
        usable_ = end;
    }
}

Arena::Holes::iterator Arena::hole_at_top() {
    if (holes_.empty()) return holes_.end();
    const auto last = std::prev(holes_.end());
    return last->first + last->second.bytes == top_ ? last : holes_.end();
}

void Arena::add(size_t offset, Hole hole) {
    const auto at = holes_.emplace(offset, hole).first;
    try {
        by_size_[!hole.mostly_used()].emplace(hole.bytes, offset);
    } catch (...) {
        holes_.erase(at);
        throw;
    }
    kept_ += hole.used;
}

Arena::Hole Arena::remove(Holes::iterator at) {
    const Hole hole = at->second;
    by_size_[!hole.mostly_used()].erase({hole.bytes, at->first});
    kept_ -= hole.used;
    holes_.erase(at);
    return hole;
}

bool Arena::grow(size_t end) { return end <= usable_ || unlock(std::min(up(end, growth), reserved_)) || unlock(end); }

bool Arena::unlock(size_t end) {
    if (mprotect(base_ + usable_, end - usable_, PROT_READ | PROT_WRITE) != 0) return false;
    usable_ = end;
    return true;
}

}  // namespace purnet
