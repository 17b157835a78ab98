// The user's cache of packed weights: files of core/plan/packed_file.h in one folder, of a bounded size together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "core/plan/packed_file.h"

namespace purnet {

// A file as it is now, in words that change with its content: path, inode, size, times of the last change of its bytes and of anything.
// Empty where it cannot be looked at, or was changed so lately (two seconds: the coarsest clocks of file systems) that another change might
// leave the same words.
std::string state_of_file(const std::filesystem::path& file);

// What a layout depends on besides the weights and the plan: this program's file, processor, instruction set, threads, libraries.
std::string state_of_program();

class PackedCache {
public:
    static constexpr uint64_t usual_bytes = uint64_t{1} << 30;

    // The folder is made when something is kept.
    explicit PackedCache(std::filesystem::path folder, uint64_t most_bytes = usual_bytes);

    // Null: there is none, and `why` says so where a file was there and is refused.
    std::unique_ptr<PackedFile> find(const std::string& key, std::string& why) const;
    // Writes it and takes the files away that were used the longest time ago, so that all together take most_bytes at most. Error: it
    // can't be written, would fill the disk by more than half of what is free, or is larger than that.
    void keep(const std::string& key, const PackedNotes& notes, const PackedWeights& weights) const;

    std::filesystem::path file_of(const std::string& key) const;

private:
    void make_room(const std::filesystem::path& but) const;

    std::filesystem::path folder_;
    uint64_t most_bytes_;
};

}  // namespace purnet
