#include "apps/run/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "apps/run/console.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr size_t most_waiting = 64 << 20;

}  // namespace

AppendFile::AppendFile(std::filesystem::path path, double flush_seconds)
    : path_(std::move(path)), flush_seconds_(flush_seconds), last_flush_(std::chrono::steady_clock::now()) {
    file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    require(file_ >= 0, path_.string(), ": cannot be written (", std::strerror(errno), ")");
}

AppendFile::~AppendFile() {
    flush();
    ::close(file_);
}

void AppendFile::append(std::string_view record) {
    if (waiting_.size() + record.size() > most_waiting) return;  // the disk has been full for long; the newest go
    waiting_ += record;
    const double waited = std::chrono::duration<double>(std::chrono::steady_clock::now() - last_flush_).count();
    if (waited >= flush_seconds_) flush();
}

bool AppendFile::flush() {
    last_flush_ = std::chrono::steady_clock::now();
    if (waiting_.empty()) return true;
    struct stat before {};
    const bool known = ::fstat(file_, &before) == 0 && S_ISREG(before.st_mode);
    size_t done = 0;
    while (done < waiting_.size()) {
        const ssize_t count = ::write(file_, waiting_.data() + done, waiting_.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) break;
        done += static_cast<size_t>(count);
    }
    if (done == waiting_.size()) {
        waiting_.clear();
        complained_ = false;
        return true;
    }
    const int code = errno;
    if (known && ::ftruncate(file_, before.st_size) != 0) waiting_.erase(0, done);
    if (!complained_) warn(path_.string(), ": cannot be written (", std::strerror(code), "); the work goes on without it");
    complained_ = true;
    return false;
}

}  // namespace purnet
