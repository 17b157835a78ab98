// Files by name, whether they lie in a folder or inside a .tar: what the search for data sets works on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/formats/byte_source.h"

namespace purnet {

// Where the bytes of one file lie. Reading is safe from several threads at once.
class FileRef {
public:
    FileRef() = default;
    explicit FileRef(std::filesystem::path path) : path_(std::move(path)) {}
    FileRef(std::shared_ptr<const ByteSource> archive, std::string name, uint64_t offset, uint64_t size)
        : archive_(std::move(archive)), path_(std::move(name)), offset_(offset), size_(size) {}

    bool present() const { return !path_.empty(); }
    std::string shown() const;  // for messages: "a/b.jpg" or "set.tar:images/b.jpg"
    std::vector<uint8_t> read() const;

private:
    std::shared_ptr<const ByteSource> archive_;
    std::filesystem::path path_;
    uint64_t offset_ = 0, size_ = 0;
};

struct NamedFile {
    std::string name;  // below the folder or archive, parts separated by '/'
    FileRef file;
};

// All regular files below a folder, sorted by name; names that begin with a dot are left out, links are followed, at most eight levels
// deep.
std::vector<NamedFile> list_folder(const std::filesystem::path& folder);

// "a/b/C.JPG" -> "a/b", "C.JPG", "C", "jpg" (lower case, without the dot)
std::string folder_of(std::string_view name);
std::string base_of(std::string_view name);
std::string stem_of(std::string_view name);
std::string suffix_of(std::string_view name);

}  // namespace purnet
