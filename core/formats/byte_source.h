// Bytes to be decoded, in a file or in memory: every read is checked against the size first, so a decoder can ask for what a
// hostile header says and gets an Error, never a wild read. Files are read with pread, not mapped: a file that shrinks
// meanwhile is then an Error and not a signal.
#pragma once

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace purnet {

class ByteSource {
public:
    explicit ByteSource(const std::filesystem::path& path);        // Error: absent, unreadable, a folder, a device
    ByteSource(std::span<const uint8_t> bytes, std::string name);  // does not own the bytes
    ~ByteSource();
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    const std::string& name() const { return name_; }  // for messages
    uint64_t size() const { return size_; }

    // Error ("NAME: ends at byte …") unless all of it lies in the file.
    void read(uint64_t offset, void* out, size_t count) const;
    std::vector<uint8_t> read(uint64_t offset, size_t count) const;

private:
    void check(uint64_t offset, size_t count) const;

    std::string name_;
    uint64_t size_ = 0;
    int file_ = -1;
    const uint8_t* memory_ = nullptr;
};

// Little-endian number of a file.
template <class T>
T load_le(const uint8_t* at) {
    T value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(static_cast<T>(at[i]) << (8 * i)));
    return value;
}

// Text from a file as a message may show it: in quotes, at most 100 bytes, control bytes (terminal escapes) as '?'.
std::string printable(std::string_view text);

}  // namespace purnet
