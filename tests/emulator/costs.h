// What a run moves between the device's memory and its multiprocessors, array by array, and whether shared memory keeps it waiting: the
// expectation of a test, and the comparison with what the monitor counts.
#pragma once

#include "tests/emulator/engine/monitor.h"

#ifdef PURNET_EMULATOR_MONITOR
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/emulator/device.h"

namespace purnet::test {

// How often the 32-byte sectors of an array pass, each time that a warp asks for one, of as many as it has. 1: once each.
struct Times {
    std::string array;
    double read = 0, written = 0;
};

// Places in the source that take more turns of shared memory than the rest: those of one file that write, or those that read.
struct Apart {
    std::string file;
    bool write;
    double turns;
};

inline constexpr double any = -1;

struct Movement {
    std::vector<Times> arrays;  // all but those of less than a sixteenth of the largest one's bytes
    // Of the place in the source that asks for most: units for each that the bytes of its lanes would take side by side, of global and of
    // shared memory. 0: none is accessed; `any`: not compared.
    double sectors = 1, turns = 0;
    double slack = 0;            // relative, of the times
    std::vector<Apart> apart{};  // `turns` is then of all other places
    double elsewhere = any;      // sectors read of memory that is none of the arrays
};

// Sectors that rows of `row` bytes touch, one behind the other, each in pieces of `piece` bytes; of as many as they have.
double ragged(int rows, int row, int piece);

// Arrays on the device that are counted one by one, of zeros.
class Arrays {
public:
    void* add(const std::string& name, size_t bytes);
    void add(const std::string& name, void* begin, size_t bytes) { list_.push_back({name, begin, bytes}); }
    // Of what run() does.
    void check(const std::string& what, const Movement& wanted, const std::function<void()>& run) const;

private:
    struct Array {
        std::string name;
        void* begin;
        size_t bytes;
    };
    std::vector<Array> list_;
    std::vector<std::unique_ptr<DeviceArray<char>>> memory_;
};

}  // namespace purnet::test
#endif
