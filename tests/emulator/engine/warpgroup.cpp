#include "tests/emulator/engine/warpgroup.h"

#include <bit>
#include <cstring>

#include "tests/emulator/engine/block_async.h"
#include "tests/emulator/engine/matrix_descriptor.h"
#include "tests/emulator/engine/monitor.h"

namespace purnet::emulator {
namespace {

constexpr uint32_t all_lanes = 0xffffffffu;
constexpr uint32_t running_mark = 0x7fc5a5a5u;  // what accumulators of a running product hold

float widened(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
bool marked(float value) { return std::bit_cast<uint32_t>(value) == running_mark; }

unsigned own_warp() { return current->index / 32; }
WarpProducts& products_of_warp() { return block_async().warps[own_warp()]; }

// A wgmma instruction of one lane.
struct Lane {
    float* sums = nullptr;
    uint64_t a = 0, b = 0;
    int columns = 0;
    bool a_across = false, b_across = false, accumulate = false;
    Site site{nullptr, 0};
};
Lane& lane_of(void* argument) { return *static_cast<Lane*>(argument); }

void read_operands(const Product& p, std::vector<uint16_t>& left, std::vector<uint16_t>& right, bool watched) {
    left.resize(16 * 16);
    right.resize(static_cast<size_t>(p.columns) * 16);
    read_matrix(p.a, p.a_across, static_cast<int>(own_warp() % 4) * 16, 16, left.data(), watched, p.site);
    read_matrix(p.b, p.b_across, 0, p.columns, right.data(), watched, p.site);
}

// The warps of a group may come one after the other; what they bring must agree.
void compare_with_group(WarpProducts& warp, const Product& product) {
    BlockAsync& block = block_async();
    const unsigned group = own_warp() / 4;
    if (block.warps.size() < 4 * (group + 1))
        raise_at(FaultKind::wrong_mask, product.site, concat("wgmma in warp ", own_warp(), ": its warpgroup has no four warps"));
    auto& issued = block.issued_by_groups[group];
    if (warp.issued == issued.size()) {
        issued.push_back(product);
    } else if (!issued[warp.issued].same_operands(product)) {
        raise_at(FaultKind::bad_descriptor, product.site,
                 concat("warp ", own_warp(), " issues another wgmma than the other warps of its warpgroup (",
                        issued[warp.issued].site.text(), ")"));
    }
    ++warp.issued;
}

// Takes the accumulators of the lanes into `sums`, unless a product in flight has them already.
Sums& take_sums(WarpProducts& warp, void* const* lanes, const Product& product) {
    Sums& sums = warp.sums[product.sums];
    const int count = product.columns / 2;
    if (sums.running == 0) {
        if (!warp.fenced)
            raise_at(FaultKind::missing_fence, product.site, "wgmma takes accumulators that threads had, without wgmma.fence");
        sums.count = count;
        sums.values.resize(static_cast<size_t>(32 * count));
        for (int lane = 0; lane < 32; ++lane) {
            sums.lanes[lane] = lane_of(lanes[lane]).sums;
            for (int i = 0; i < count; ++i)
                sums.values[static_cast<size_t>(lane * count + i)] = product.accumulate ? sums.lanes[lane][i] : 0.0f;
        }
    } else if (sums.count != count) {
        raise_at(FaultKind::missing_wait, product.site, "accumulators of a running wgmma are given to one of another shape");
    }
    for (int lane = 0; lane < 32; ++lane) {
        if (sums.lanes[lane] != lane_of(lanes[lane]).sums)
            raise_at(FaultKind::missing_wait, product.site, "accumulators of a running wgmma are mixed with others");
        for (int i = 0; i < count; ++i) {
            if (sums.running && !marked(sums.lanes[lane][i]))
                raise_at(FaultKind::missing_wait, product.site, "an accumulator was written while a wgmma had it");
            sums.lanes[lane][i] = std::bit_cast<float>(running_mark);
        }
    }
    if (!product.accumulate) std::fill(sums.values.begin(), sums.values.end(), 0.0f);
    ++sums.running;
    return sums;
}

void multiply(Sums& sums, const Product& p) {
    float left[16][16];
    std::vector<float> right(p.right.size());
    for (int m = 0; m < 16; ++m)
        for (int k = 0; k < 16; ++k) left[m][k] = widened(p.left[static_cast<size_t>(16 * m + k)]);
    for (size_t i = 0; i < right.size(); ++i) right[i] = widened(p.right[i]);
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < sums.count; ++i) {
            const float* row = left[lane / 4 + 8 * (i / 2 % 2)];
            const float* column = &right[static_cast<size_t>(16 * (i / 4 * 8 + 2 * (lane % 4) + i % 2))];
            float& sum = sums.values[static_cast<size_t>(lane * sums.count + i)];
            for (int k = 0; k < 16; ++k) sum += row[k] * column[k];
        }
}

void complete_issue(void* const* lanes, uint32_t here) {
    const Lane& first = lane_of(lanes[0]);
    if (here != all_lanes) raise(FaultKind::wrong_mask, "wgmma in a warp of which lanes have left");
    for (int lane = 1; lane < 32; ++lane) {
        const Lane& other = lane_of(lanes[lane]);
        if (other.a != first.a || other.b != first.b || other.columns != first.columns || other.accumulate != first.accumulate)
            raise_at(FaultKind::bad_descriptor, first.site, "lanes of one warp give different descriptors to one wgmma");
    }
    WarpProducts& warp = products_of_warp();
    Product product{first.a, first.b, first.columns, first.a_across, first.b_across, first.accumulate, first.sums, first.site, {}, {}};
    compare_with_group(warp, product);
    read_operands(product, product.left, product.right, true);
    multiply(take_sums(warp, lanes, product), product);
    warp.open.push_back(std::move(product));
}

// The product is done: its operands must be as they were.
void finish(WarpProducts& warp, const Product& product) {
    std::vector<uint16_t> left, right;
    read_operands(product, left, right, false);
    if (left != product.left || right != product.right)
        raise_at(FaultKind::missing_wait, product.site, "an operand of a wgmma changed before the wgmma was waited for");
    read_operands(product, left, right, true);  // it may have been read as late as now
    Sums& sums = warp.sums[product.sums];
    if (--sums.running > 0) return;
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < sums.count; ++i) {
            if (!marked(sums.lanes[lane][i]))
                raise_at(FaultKind::missing_wait, product.site, "an accumulator was written before its wgmma was waited for");
            sums.lanes[lane][i] = sums.values[static_cast<size_t>(lane * sums.count + i)];
        }
    warp.sums.erase(product.sums);
    warp.fenced = false;
}

struct WaitOf {
    unsigned groups_left;
};

void complete_wait(void* const* lanes, uint32_t here) {
    if (here != all_lanes) raise(FaultKind::wrong_mask, "wgmma.wait_group in a warp of which lanes have left");
    WarpProducts& warp = products_of_warp();
    while (warp.groups.size() > static_cast<WaitOf*>(lanes[0])->groups_left) {
        for (const Product& product : warp.groups.front()) finish(warp, product);
        warp.groups.pop_front();
    }
}

void complete_commit(void* const*, uint32_t) {
    WarpProducts& warp = products_of_warp();
    warp.groups.push_back(std::move(warp.open));
    warp.open.clear();
}

void complete_fence(void* const*, uint32_t) { products_of_warp().fenced = true; }
void complete_registers(void* const*, uint32_t) {}

}  // namespace

void wgmma_fence(Site site) { meet("wgmma.fence", all_lanes, nullptr, complete_fence, false, site); }
void wgmma_commit(Site site) { meet("wgmma.commit_group", all_lanes, nullptr, complete_commit, false, site); }

// What a lane's wait has seen done is done for the warp: it orders the lanes' accesses as __syncwarp does.
void wgmma_wait(unsigned groups_left, Site site) {
    WaitOf own{groups_left};
    meet("wgmma.wait_group", all_lanes, &own, complete_wait, true, site);
}

void wgmma_bf16(float* sums, int columns, uint64_t a, uint64_t b, bool a_across, bool b_across, bool accumulate, Site site) {
    Lane own{sums, a, b, columns, a_across, b_across, accumulate, site};
    meet("wgmma.mma_async", all_lanes, &own, complete_issue, false, site);
}

void change_registers(int, bool, Site site) {
    block_async();
    meet("setmaxnreg", all_lanes, nullptr, complete_registers, false, site);
}

void check_products_at_exit(const BlockAsync& block, const Thread& thread) {
    const WarpProducts& warp = block.warps[thread.index / 32];
    if (!warp.groups.empty() && !warp.groups.front().empty())
        raise_at(FaultKind::missing_wait, warp.groups.front().front().site, "a thread exits without having waited for its wgmma");
    if (!warp.open.empty()) raise_at(FaultKind::missing_wait, warp.open.front().site, "a thread exits with a wgmma that is in no group");
    if (thread.block->live > 1) return;
    for (size_t w = 0; w < block.warps.size(); ++w)
        if (block.warps[w].issued != block.issued_by_groups[w / 4].size())
            raise_at(FaultKind::wrong_mask, block.issued_by_groups[w / 4][block.warps[w].issued].site,
                     concat("warp ", w, " did not issue this wgmma, as others of its warpgroup did"));
}

}  // namespace purnet::emulator
