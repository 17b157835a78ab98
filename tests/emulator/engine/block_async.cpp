#include "tests/emulator/engine/block_async.h"

namespace purnet::emulator {
namespace {

std::vector<BlockAsync*>& registry() {
    static auto* all = new std::vector<BlockAsync*>;
    return *all;
}

}  // namespace

BlockAsync::BlockAsync(Block* owner) : warps(owner->warps.size()), issued_by_groups((owner->warps.size() + 3) / 4), block(owner) {
    registry().push_back(this);
}
BlockAsync::~BlockAsync() { std::erase(registry(), this); }

BlockAsync& block_async() {
    Block& block = *current->block;
    if (!block.async) {
        if (architecture().major != 9 || architecture().minor != 0)
            raise(FaultKind::unsupported,
                  concat("an instruction of sm_90a on a device of compute capability ", architecture().major, ".", architecture().minor));
        block.async = std::make_shared<BlockAsync>(&block);
    }
    return *static_cast<BlockAsync*>(block.async.get());
}

BlockAsync* block_async_of(const Block& block) { return static_cast<BlockAsync*>(block.async.get()); }

const std::vector<BlockAsync*>& all_block_async() { return registry(); }

}  // namespace purnet::emulator
