// Counts what the accesses of each warp cost: 32-byte sectors of global memory, turns of the 32 banks of shared memory.
#pragma once

#include <cstdint>
#include <string>

namespace purnet::emulator {
struct Block;
}

namespace purnet::emulator::monitor {

bool counting();
void count_block(Block& block);
std::string describe_place(uint32_t place);

}  // namespace purnet::emulator::monitor
