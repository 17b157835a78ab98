#include "tests/emulator/engine/copy_engine.h"

#include <algorithm>
#include <cstring>

#include "tests/emulator/engine/async.h"
#include "tests/emulator/engine/block_async.h"
#include "tests/emulator/engine/mbarrier.h"
#include "tests/emulator/engine/monitor.h"
#include "tests/emulator/engine/tensor_map.h"
#include "tests/emulator/engine/warpgroup.h"

namespace purnet::emulator {
namespace {

uint64_t copies_issued = 0;

const TensorMap& map_of(const CUtensorMap& opaque, bool im2col, size_t rank, Site site) {
    check_map(opaque, site);
    const auto& map = reinterpret_cast<const TensorMap&>(opaque);
    if (map.rank != rank || map.im2col != im2col)
        raise_at(FaultKind::bad_descriptor, site,
                 concat("a copy of ", im2col ? "pixels" : "boxes", " of ", rank, " axes with a map of ", map.im2col ? "pixels" : "boxes",
                        " of ", static_cast<int>(map.rank)));
    return map;
}

// One row of a box: `elements` from element x0 on of the line at `row` (null: all zeros), to shared address `to`.
void add_row(BulkCopy& copy, const TensorMap& map, const char* row, int64_t x0, int elements, uint32_t to, Site site) {
    for (int e = 0; e < elements; e += 8) {
        const int64_t x = x0 + e;
        BulkCopy::Piece piece{shared_pointer(swizzled_address(to + static_cast<uint32_t>(2 * e), map.swizzle_bytes), 16, site), nullptr, 0,
                              0};
        const int64_t first = std::clamp<int64_t>(-x, 0, 8), last = std::clamp<int64_t>(int64_t{map.sizes[0]} - x, 0, 8);
        if (row && first < last) {
            piece.from = row + 2 * x;
            piece.first = static_cast<uint8_t>(2 * first);
            piece.last = static_cast<uint8_t>(2 * last);
        }
        copy.pieces.push_back(piece);
    }
}

void read_source(const BulkCopy::Piece& piece, char (&bytes)[16]) {
    std::memset(bytes, 0, 16);
    if (piece.from) std::memcpy(bytes + piece.first, piece.from + piece.first, piece.last - piece.first);
}

BulkCopy begin(uint32_t to, const TensorMap& map, uint32_t barrier, int rows, Site site) {
    check_waited("a copy", site);
    if (to % 128) raise_at(FaultKind::misaligned, site, concat("a copy to shared address ", to, ": no multiple of 128 bytes"));
    shared_pointer(to, static_cast<size_t>(rows) * map.box[0] * 2, site);
    const Mbarrier& b = mbarrier_at(barrier, site);
    if (!b.in_async_proxy)
        raise_at(FaultKind::missing_proxy_fence, site,
                 concat("the copy engine is given the mbarrier made at ", b.site.text(), ", whose init no fence made known to it"));
    return {++copies_issued, barrier, b.phase, site, {}, {}};
}

void issue(BulkCopy&& copy) {
    maybe_advance();
    copy.snapshot.resize(copy.pieces.size() * 16);
    for (size_t i = 0; i < copy.pieces.size(); ++i) {
        const BulkCopy::Piece& piece = copy.pieces[i];
        char bytes[16];
        if (piece.from) monitor::async_read(piece.from + piece.first, static_cast<size_t>(piece.last - piece.first), copy.site);
        read_source(piece, bytes);
        std::memcpy(&copy.snapshot[16 * i], bytes, 16);
        monitor::async_write(piece.to, 16, copy.site);
        std::memset(piece.to, 0xff, 16);
    }
    block_async().copies.push_back(std::move(copy));
}

void land(BlockAsync& block, size_t which) {
    const BulkCopy copy = std::move(block.copies[which]);
    block.copies.erase(block.copies.begin() + static_cast<ptrdiff_t>(which));
    Mbarrier& barrier = block.barriers.at(copy.barrier);
    for (size_t i = 0; i < copy.pieces.size(); ++i) {
        const BulkCopy::Piece& piece = copy.pieces[i];
        char bytes[16], poison[16];
        read_source(piece, bytes);
        if (std::memcmp(bytes, &copy.snapshot[16 * i], 16) != 0)
            raise_at(FaultKind::missing_wait, copy.site, "the source of a copy of the copy engine changed while it was under way");
        std::memset(poison, 0xff, 16);
        if (std::memcmp(piece.to, poison, 16) != 0)
            raise_at(FaultKind::missing_wait, copy.site, "the destination of a copy was written while it was under way");
        std::memcpy(piece.to, bytes, 16);
        monitor::engine_lands(*block.block, barrier.lane, copy.phase, piece.to, 16, copy.site);
    }
    barrier.copied = std::max(barrier.copied, static_cast<int64_t>(copy.phase));
    barrier.copied_by = copy.site;
    bytes_arrive(block, barrier, static_cast<unsigned>(16 * copy.pieces.size()), copy.site);
}

}  // namespace

void check_map(const CUtensorMap& opaque, Site site) {
    if (reinterpret_cast<const TensorMap&>(opaque).mark != tensor_map_mark)
        raise_at(FaultKind::bad_descriptor, site, "this is no tensor map: none of the driver's functions made it");
}

void copy_box(uint32_t to, const CUtensorMap& opaque, uint32_t barrier, const std::vector<int>& at, Site site) {
    const TensorMap& map = map_of(opaque, false, at.size(), site);
    int counts[5] = {1, 1, 1, 1, 1}, rows = 1;
    for (size_t i = 1; i < at.size(); ++i) rows *= counts[i] = (map.box[i] + map.steps[i] - 1) / map.steps[i];
    BulkCopy copy = begin(to, map, barrier, rows, site);
    for (int r = 0; r < rows; ++r) {
        const char* row = map.base;
        for (size_t i = 1, rest = static_cast<size_t>(r); i < at.size(); ++i) {
            const int64_t place = at[i] + static_cast<int64_t>(rest % static_cast<size_t>(counts[i])) * map.steps[i];
            rest /= static_cast<size_t>(counts[i]);
            if (place < 0 || place >= map.sizes[i]) row = nullptr;
            if (row) row += place * static_cast<int64_t>(map.strides[i]);
        }
        add_row(copy, map, row, at[0], map.box[0], to + static_cast<uint32_t>(r * map.box[0] * 2), site);
    }
    issue(std::move(copy));
}

void copy_pixels(uint32_t to, const CUtensorMap& opaque, uint32_t barrier, const std::vector<int>& at, int by_w, int by_h, Site site) {
    const TensorMap& map = map_of(opaque, true, at.size(), site);
    if (by_w < 0 || by_w > 255 || by_h < 0 || by_h > 255)
        raise_at(FaultKind::bad_descriptor, site, concat("pixels displaced by (", by_h, ",", by_w, "): 0 to 255 exist"));
    const int64_t width = map.sizes[1], height = map.sizes[2], pictures = map.sizes[3];
    int64_t w = at[1], h = at[2], n = at[3];
    if (w < map.lower[0] || w > width - 1 + map.upper[0] || h < map.lower[1] || h > height - 1 + map.upper[1])
        raise_at(FaultKind::bad_descriptor, site, concat("a copy of pixels begins at (", h, ",", w, "), outside the map's box of pixels"));
    BulkCopy copy = begin(to, map, barrier, map.box[1], site);
    for (int pixel = 0; pixel < map.box[1]; ++pixel) {
        const int64_t x = w + by_w, y = h + by_h;
        const bool inside = x >= 0 && x < width && y >= 0 && y < height && n >= 0 && n < pictures;
        const char* row = inside ? map.base + n * static_cast<int64_t>(map.strides[3]) + y * static_cast<int64_t>(map.strides[2]) +
                                       x * static_cast<int64_t>(map.strides[1])
                                 : nullptr;
        add_row(copy, map, row, at[0], map.box[0], to + static_cast<uint32_t>(pixel * map.box[0] * 2), site);
        w += map.steps[1];
        if (w <= width - 1 + map.upper[0]) continue;
        w = map.lower[0];
        h += map.steps[2];
        if (h <= height - 1 + map.upper[1]) continue;
        h = map.lower[1];
        ++n;
    }
    issue(std::move(copy));
}

bool advance_async_engines() {
    BlockAsync* block = nullptr;
    size_t which = 0;
    static uint64_t turn = 0;
    const auto rank = [&](const BulkCopy& copy) -> uint64_t {
        switch (schedule().order) {
            case Schedule::forward: return copy.number;
            case Schedule::reverse: return ~copy.number;
            default: return (copy.number + turn + schedule().seed) * 0x9e3779b97f4a7c15ull;
        }
    };
    ++turn;
    for (BlockAsync* one : all_block_async())
        for (size_t i = 0; i < one->copies.size(); ++i)
            if (!block || rank(one->copies[i]) < rank(block->copies[which])) {
                block = one;
                which = i;
            }
    if (!block) return false;
    land(*block, which);
    return true;
}

void check_block_at_exit(Thread& thread) {
    const BlockAsync* block = block_async_of(*thread.block);
    if (!block) return;
    check_products_at_exit(*block, thread);
    if (thread.block->live > 1) return;
    const char* what = "a block ends, and none of its threads has waited for this copy to its shared memory";
    if (!block->copies.empty()) raise_at(FaultKind::missing_wait, block->copies.front().site, what);
    for (const auto& [address, barrier] : block->barriers)
        if (barrier.copied > barrier.seen) raise_at(FaultKind::missing_wait, barrier.copied_by, what);
}

}  // namespace purnet::emulator
