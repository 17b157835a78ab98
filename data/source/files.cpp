#include "data/source/files.h"

#include <algorithm>
#include <cctype>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

constexpr int deepest = 8;

void walk(const fs::path& folder, const std::string& prefix, int depth, std::vector<NamedFile>& files) {
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    require(!error, folder.string(), ": can't be listed: ", error.message());
    for (const fs::directory_entry& entry : entries) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with('.')) continue;
        if (entry.is_directory(error) && !error) {
            if (depth < deepest) walk(entry.path(), prefix + name + "/", depth + 1, files);
        } else if (entry.is_regular_file(error) && !error) {
            files.push_back({prefix + name, FileRef(entry.path())});
        }
    }
}

}  // namespace

std::string FileRef::shown() const { return archive_ ? archive_->name() + ":" + path_.string() : path_.string(); }

std::vector<uint8_t> FileRef::read() const {
    require(present(), "a file that isn't there is to be read");
    if (archive_) {
        require(size_ > 0, shown(), ": the file is empty");
        return archive_->read(offset_, static_cast<size_t>(size_));
    }
    const ByteSource source(path_);
    require(source.size() > 0, shown(), ": the file is empty");
    return source.read(0, static_cast<size_t>(source.size()));
}

std::vector<NamedFile> list_folder(const fs::path& folder) {
    std::vector<NamedFile> files;
    walk(folder, "", 1, files);
    std::sort(files.begin(), files.end(), [](const NamedFile& a, const NamedFile& b) { return a.name < b.name; });
    return files;
}

std::string folder_of(std::string_view name) {
    const size_t slash = name.rfind('/');
    return slash == std::string_view::npos ? "" : std::string(name.substr(0, slash));
}

std::string base_of(std::string_view name) { return std::string(name.substr(name.rfind('/') + 1)); }

std::string stem_of(std::string_view name) {
    const std::string base = base_of(name);
    const size_t dot = base.rfind('.');
    return dot == std::string::npos || dot == 0 ? base : base.substr(0, dot);
}

std::string suffix_of(std::string_view name) {
    const std::string base = base_of(name);
    const size_t dot = base.rfind('.');
    if (dot == std::string::npos || dot == 0) return "";
    std::string suffix = base.substr(dot + 1);
    std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return suffix;
}

}  // namespace purnet
