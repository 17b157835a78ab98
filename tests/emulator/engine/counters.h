// Counts what the accesses of each warp cost: 32-byte sectors of global memory, turns of the 32 banks of shared memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace purnet::emulator {
struct Block;
}

namespace purnet::emulator::monitor {

bool counting();
void count_block(Block& block);
std::string describe_place(uint32_t place);

// The same by array: what the launches between begin_counting() and end_counting() moved of one, in 32-byte sectors, each as often as a
// warp asks for it. Arrays are named after begin_counting(), which forgets those before; copies by the copy engine are not counted.
struct Moved {
    uint64_t read = 0, written = 0;
};
void count_array(const void* begin, size_t bytes);
Moved moved_of(const void* begin);

}  // namespace purnet::emulator::monitor
