// Superpixels kept in a folder, so that SLIC runs once for each picture and not once for each run.
//
// An entry's key is the content of what SLIC is given (the picture at the network's size, before any augmentation: labels are flipped,
// turned and cut together with the picture afterwards), its options and `slic_version`. So a hit equals the computation bit for bit
// whatever the augmentation, and the same picture in another file, tar or list is found as well. One file an entry, KEY.superpixels:
//
//     "PURSP01\n", key (16 bytes), width u32, height u32, regions u32, bytes of the packed labels u32, CRC-32 of all before and of the
//     packed labels u32, packed labels: zlib of u16 little endian, each row less the row above (modulo 2^16)
// 4 to 6 % of the size that labels have in memory. Little endian.
//
// Several processes may share a folder: entries are written under a temporary name and renamed, and whoever comes second writes the same
// bytes. An entry that is damaged, cut or foreign is computed and written anew. Above `most_bytes` those entries that were used longest
// ago, and not since this object was made, give way; where there are none left, nothing more is stored. The folder is never needed: where
// it can't be written, `report` is told once, and what lies there is still read. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "data/superpixels/slic.h"

namespace purnet {

class SuperpixelCache {
public:
    using Report = std::function<void(const std::string&)>;

    // Makes the folder. Error: it can't be made, or is no folder.
    SuperpixelCache(const std::filesystem::path& folder, uint64_t most_bytes, Report report);
    ~SuperpixelCache();

    // What slic(rgb, options) gives, from the folder where it is there.
    Superpixels get(const Image& rgb, const SlicOptions& options);

    struct Counts {
        int64_t found = 0, computed = 0, damaged = 0, removed = 0;
    };
    Counts counts() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace purnet
