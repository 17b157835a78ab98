// The table of contents of a zip file, enough for PyTorch's checkpoints: uncompressed entries, zip64, no encryption.
// Source: PKWARE's APPNOTE.TXT 6.3 (sections 4.3, 4.5.3).
//
// Why not minizip: a checkpoint needs a table of names, offsets and lengths and nothing else, and reads its arrays in place,
// one pread each. A general unzipper brings decompression (bombs), salvage of damaged archives and a second way to open
// files; here all that a hostile file can reach is this one page, and every field of it is compared with the file's size.
// PyTorch never compresses; an entry that is compressed is refused when it is asked for.
//
// Refused: several disks, a directory that does not end where the end record begins, entries outside the file or
// overlapping, two entries of one name, encrypted entries, a local header that contradicts the directory.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/formats/byte_source.h"

namespace purnet {

class ZipReader {
public:
    struct Entry {
        std::string name;
        uint64_t header = 0;  // where its local header lies
        uint64_t size = 0;
        uint32_t crc = 0;  // 0: not computed (PyTorch has an option for it)
        uint16_t method = 0, flags = 0;
    };

    explicit ZipReader(const ByteSource& source);

    const std::vector<Entry>& entries() const { return entries_; }
    const Entry* find(std::string_view name) const;  // null where there is none

    // Where the bytes of an uncompressed entry begin; all `size` of them lie in the file.
    uint64_t data_offset(const Entry& entry) const;

    // The whole entry, its checksum compared.
    std::vector<uint8_t> read(const Entry& entry) const;
    void read(const Entry& entry, uint8_t* out) const;

private:
    void read_directory(uint64_t begin, uint64_t size, uint64_t count);
    void check_overlap() const;

    const ByteSource& source_;
    uint64_t directory_ = 0;
    std::vector<Entry> entries_;
    std::unordered_map<std::string_view, size_t> index_;
};

}  // namespace purnet
