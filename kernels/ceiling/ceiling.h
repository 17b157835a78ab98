// What this machine can do at most, measured in the same run as the figures that are held against it.
#pragma once

namespace purnet::ceiling {

struct Ceilings {
    double gflops = 0;  // fused multiply-adds on registers, all threads, instruction set in use
    double gbytes = 0;  // copy of arrays far larger than the caches, read + write
};

Ceilings measure();

}  // namespace purnet::ceiling
