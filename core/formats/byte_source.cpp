#include "core/formats/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "kernels/runtime/error.h"

namespace purnet {

ByteSource::ByteSource(const std::filesystem::path& path) : name_(path.string()) {
    // O_NONBLOCK: a named pipe without a writer would block here for ever; regular files do not care.
    file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    require(file_ >= 0, name_, ": can't be opened: ", std::strerror(errno));
    struct stat status {};
    const bool known = ::fstat(file_, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
        ::close(file_);
        file_ = -1;
        fail(name_, known && S_ISDIR(status.st_mode) ? ": is a folder, a file is needed" : ": is not a regular file");
    }
    size_ = static_cast<uint64_t>(status.st_size);
}

ByteSource::ByteSource(std::span<const uint8_t> bytes, std::string name)
    : name_(std::move(name)), size_(bytes.size()), memory_(bytes.data()) {}

ByteSource::~ByteSource() {
    if (file_ >= 0) ::close(file_);
}

void ByteSource::check(uint64_t offset, size_t count) const {
    require(offset <= size_ && count <= size_ - offset, name_, ": ends at byte ", size_, ", but ", count, " bytes are needed at byte ",
            offset, ": the file is truncated or damaged");
}

void ByteSource::read(uint64_t offset, void* out, size_t count) const {
    check(offset, count);
    if (count == 0) return;
    if (file_ < 0) {
        std::memcpy(out, memory_ + offset, count);
        return;
    }
    auto* at = static_cast<char*>(out);
    while (count > 0) {
        const ssize_t got = ::pread(file_, at, std::min<size_t>(count, size_t{1} << 30), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        require(got >= 0, name_, ": can't be read: ", std::strerror(errno));
        require(got > 0, name_, ": became shorter while it was read");
        at += got;
        offset += static_cast<uint64_t>(got);
        count -= static_cast<size_t>(got);
    }
}

std::vector<uint8_t> ByteSource::read(uint64_t offset, size_t count) const {
    check(offset, count);
    std::vector<uint8_t> out(count);
    read(offset, out.data(), count);
    return out;
}

std::string printable(std::string_view text) {
    constexpr size_t longest = 100;
    std::string out = "'";
    for (const char c : text.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
    // A cut inside a UTF-8 character would leave half of it: take the rest of that character away.
    if (text.size() > longest) {
        while (out.size() > 1 && (static_cast<unsigned char>(out.back()) & 0xc0) == 0x80) out.pop_back();
        if (out.size() > 1 && static_cast<unsigned char>(out.back()) >= 0xc0) out.pop_back();
        out += "...";
    }
    return out + "'";
}

}  // namespace purnet
