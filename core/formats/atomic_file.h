// A file that appears whole or not at all: written under a temporary name in the target's folder, synced, renamed over the
// target, and the folder synced. A crash or a full disk leaves the old file as it was.
//
//     AtomicFile file("run/best.safetensors");
//     file.write(header.data(), header.size());
//     file.write(values.data(), values.size());   // as often as wanted; buffered
//     file.commit();                               // without it, the destructor removes the temporary
//
// A symbolic link as target is followed. A target that exists and is no regular file (a pipe, /dev/stdout) cannot be
// replaced and is written straight. Errors are one sentence with the target's name: no such folder, not writable, disk full.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace purnet {

class AtomicFile {
public:
    explicit AtomicFile(const std::filesystem::path& target);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(const void* data, size_t count);
    void write(std::string_view text) { write(text.data(), text.size()); }
    uint64_t written() const { return written_; }

    // Without sync: for what can be made again and is checked when it is read. Whole or not at all as long as the system runs; after a
    // crash of the system it may be damaged.
    enum class Sync { yes, no };
    void commit(Sync sync = Sync::yes);
    // Nobody but the owner may read or write the file, whatever the target's rights are now.
    void keep_private();

private:
    void flush();
    void write_out(const uint8_t* at, size_t left);
    void discard();
    [[noreturn]] void refuse(int code);

    std::filesystem::path target_;
    std::filesystem::path final_;      // target behind symbolic links
    std::filesystem::path temporary_;  // empty: written straight
    int file_ = -1;
    bool private_ = false;
    uint64_t written_ = 0;
    std::vector<uint8_t> buffer_;
};

// Whether a file's name is that of a temporary.
bool is_unfinished_write(const std::filesystem::path& file);

// Temporaries that killed processes left in a folder in which nobody writes now; how many were removed.
int remove_unfinished_writes(const std::filesystem::path& folder);

void atomic_write(const std::filesystem::path& target, std::span<const uint8_t> bytes);
void atomic_write(const std::filesystem::path& target, std::string_view text);

}  // namespace purnet
