// Packed weights (packed_weights.h) in a file that the next start maps instead of reading, checking, folding and packing the weights.
//
//     "purnet packed 1\n"                       16 bytes
//     u64 size of the file, u64 of the header, u64 content_hash of the header
//     header: key; notes: u32 count, each name and value; entries: u32 count, each what, f32 slope, f32 top, u32 count of blocks, each
//         u64 offset, u64 size, u64 content_hash.       Texts are u32 length and bytes; everything little endian.
//     blocks, each at a multiple of 4096 (large ones) or 256, zeros between
//
// The key says what the file was made from and by: a file with another one is refused, so is one that is damaged anywhere (all of it is
// hashed when it is opened, at the speed of memory), truncated, or of another form. It is a cache: whoever meets a refusal packs again.
//
// The file is mapped, so what many processes run with is in memory once. That rests on nobody changing it under their feet: it is only
// trusted where nobody but this user (or root) may write to it, and this program writes it under another name and renames. Should it be
// cut short all the same, or its disk fail, reading is a SIGBUS: holds() tells a handler that it was this.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/plan/packed_weights.h"

namespace purnet {

using PackedNotes = std::map<std::string, std::string>;

class PackedFile {
public:
    // Error: it is not there, not trusted, damaged, or has another key.
    PackedFile(const std::filesystem::path& path, const std::string& key);
    ~PackedFile();
    PackedFile(const PackedFile&) = delete;
    PackedFile& operator=(const PackedFile&) = delete;

    // Lie in the mapping: only to be read, while this object lives.
    const PackedWeights& weights() const { return weights_; }
    const PackedNotes& notes() const { return notes_; }

    // Whether an address lies in the mapping of any of them. May be asked in a signal handler.
    static bool holds(const void* address);

private:
    void check_blocks(const std::string& name, const std::vector<uint64_t>& hashes) const;

    void* mapped_ = nullptr;
    size_t bytes_ = 0;
    PackedWeights weights_;
    PackedNotes notes_;
};

// Under another name first, then renamed; not synced, since a file that a crash has damaged is refused. Error: it can't be written.
void write_packed_file(const std::filesystem::path& path, const std::string& key, const PackedNotes& notes, const PackedWeights& weights);

// Of the file that write_packed_file() would make, about.
uint64_t packed_file_bytes(const PackedWeights& weights);

}  // namespace purnet
