// Mutation fuzzing of everything that decodes a file. A format is one registration in a file of its own beside this one:
//
//     const FuzzRegistration png({
//         .name = "png",
//         .samples = [] { return std::vector<Bytes>{…small valid files…}; },
//         .decode = [](const Bytes& file) { decode_rgb(file, "fuzz"); },   // throws purnet::Error for what it refuses
//         .repair = fix_checksums,                                        // optional, see below
//         .justified = [](size_t file) { return …; },                     // optional: live bytes that a file of this size may cost
//     });
//
// The driver (fuzz_formats.cpp) mutates the samples, decodes, and fails where anything but purnet::Error leaves, the
// sanitizers complain, memory exceeds what the file justifies, or a decode takes longer than the time limit.
// `repair` runs on half of the mutations: it makes checksums and outer lengths right again, so that damage reaches what lies
// behind them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace purnet::fuzz {

using Bytes = std::vector<uint8_t>;

struct FuzzFormat {
    std::string name;
    std::function<std::vector<Bytes>()> samples;
    std::function<void(const Bytes&)> decode;
    std::function<void(Bytes&)> repair = {};
    std::function<size_t(size_t)> justified = {};  // empty: max(64 MiB, 8 x file)
};

// All registered formats, in no particular order.
std::vector<FuzzFormat>& formats();

struct FuzzRegistration {
    explicit FuzzRegistration(FuzzFormat format) { formats().push_back(std::move(format)); }
};

// The generator of the mutations (SplitMix64): fuzzing must give the same files on every machine.
class Random {
public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next();
    uint64_t below(uint64_t bound) { return bound ? next() % bound : 0; }  // 0 for 0

private:
    uint64_t state_;
};

// Changes `file` in one to four places; `other` lends the material of splices.
void mutate(Bytes& file, const Bytes& other, Random& random);

}  // namespace purnet::fuzz
