#include "core/formats/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr const char* temporary_prefix = ".purnet-";
constexpr const char* temporary_suffix = ".tmp";
constexpr size_t buffer_size = size_t{1} << 18;

std::string reason(int code) {
    switch (code) {
        case ENOSPC:
        case EDQUOT: return "the disk is full";
        case EFBIG: return "the file would be larger than is allowed here";
        case ENOENT: return "its folder does not exist";
        case EACCES:
        case EPERM: return "no permission to write there";
        case EROFS: return "the disk is read-only";
        case EISDIR: return "it is a folder";
        case ENOTDIR: return "a part of its path is no folder";
        default: return std::strerror(code);
    }
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& target) : target_(target), final_(target) {
    require(!target.empty(), "a file name is needed to write to, not an empty one");
    std::error_code ignored;
    if (std::filesystem::is_symlink(target, ignored)) {
        const auto resolved = std::filesystem::weakly_canonical(target, ignored);
        if (!ignored) final_ = resolved;
    }
    struct stat status {};
    if (::stat(final_.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) refuse(EISDIR);
        if (!S_ISREG(status.st_mode)) {
            file_ = ::open(final_.c_str(), O_WRONLY | O_CLOEXEC);
            if (file_ < 0) refuse(errno);
            return;
        }
        // Renaming would replace even a file that its owner has protected against writing.
        if (::access(final_.c_str(), W_OK) != 0) refuse(errno);
    }
    static std::atomic<unsigned> counter{0};
    const auto folder = final_.parent_path();
    for (int attempt = 0; file_ < 0; ++attempt) {
        // Not made from the target's name, which may have the longest length allowed.
        temporary_ = folder / (temporary_prefix + std::to_string(::getpid()) + "-" + std::to_string(counter++) + temporary_suffix);
        file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file_ < 0 && (errno != EEXIST || attempt == 100)) {
            const int code = errno;
            temporary_.clear();
            refuse(code);
        }
    }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
    if (file_ >= 0) ::close(file_);
    file_ = -1;
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
}

void AtomicFile::refuse(int code) {
    discard();
    fail(target_.string(), ": can't be written: ", reason(code));
}

void AtomicFile::flush() {
    write_out(buffer_.data(), buffer_.size());
    buffer_.clear();
}

void AtomicFile::write_out(const uint8_t* at, size_t left) {
    while (left > 0) {
        const ssize_t done = ::write(file_, at, left);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) refuse(errno);
        at += done;
        left -= static_cast<size_t>(done);
    }
}

void AtomicFile::write(const void* data, size_t count) {
    require(file_ >= 0, target_.string(), ": written to after it was closed");
    const auto* at = static_cast<const uint8_t*>(data);
    // What is large goes out as it lies there: no copy, and a page cache that has large pages can take them.
    if (count >= buffer_size) {
        flush();
        write_out(at, count);
        written_ += count;
        return;
    }
    while (count > 0) {
        const size_t part = std::min(count, buffer_size - buffer_.size());
        buffer_.insert(buffer_.end(), at, at + part);
        if (buffer_.size() == buffer_size) flush();
        at += part;
        count -= part;
        written_ += part;
    }
}

void AtomicFile::keep_private() {
    require(file_ >= 0, target_.string(), ": its rights are changed after it was closed");
    private_ = true;
    if (!temporary_.empty() && ::fchmod(file_, 0600) != 0) refuse(errno);
}

void AtomicFile::commit(Sync sync) {
    require(file_ >= 0, target_.string(), ": committed after it was closed");
    flush();
    const bool straight = temporary_.empty();
    // Pipes and some devices have no sync (EINVAL, EROFS); a regular file must have it, since a delayed "disk full" shows here.
    if (sync == Sync::yes && ::fsync(file_) != 0 && !straight) refuse(errno);
    const int closed = ::close(file_);
    file_ = -1;
    if (closed != 0) refuse(errno);
    if (straight) return;

    struct stat status {};
    if (!private_ && ::stat(final_.c_str(), &status) == 0) ::chmod(temporary_.c_str(), status.st_mode & 07777);
    if (::rename(temporary_.c_str(), final_.c_str()) != 0) refuse(errno);
    temporary_.clear();
    if (sync == Sync::no) return;

    // The new name itself lives in the folder. Where a file system can't sync folders, the file is whole all the same.
    const auto folder = final_.parent_path();
    const int directory = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        ::fsync(directory);
        ::close(directory);
    }
}

bool is_unfinished_write(const std::filesystem::path& file) {
    const std::string name = file.filename().string();
    return name.starts_with(temporary_prefix) && name.ends_with(temporary_suffix);
}

int remove_unfinished_writes(const std::filesystem::path& folder) {
    int removed = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
        if (is_unfinished_write(at->path())) removed += ::unlink(at->path().c_str()) == 0;
    return removed;
}

void atomic_write(const std::filesystem::path& target, std::span<const uint8_t> bytes) {
    AtomicFile file(target);
    file.write(bytes.data(), bytes.size());
    file.commit();
}

void atomic_write(const std::filesystem::path& target, std::string_view text) {
    atomic_write(target, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace purnet
