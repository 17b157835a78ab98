// A file that grows by whole records: log lines, TensorBoard events. Records wait in memory for a few seconds at most and go out in
// one piece; what a full disk cut off is taken back, so that the file always ends after a record. Trouble is reported once on
// stderr and the work goes on: a log is not worth a training run.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace purnet {

class AppendFile {
public:
    // Opens for appending, or makes the file. Error when that fails.
    explicit AppendFile(std::filesystem::path path, double flush_seconds = 5);
    ~AppendFile();
    AppendFile(const AppendFile&) = delete;
    AppendFile& operator=(const AppendFile&) = delete;

    void append(std::string_view record);
    // False while records could not be written; they are kept (up to 64 MiB) for the next attempt.
    bool flush();

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
    int file_ = -1;
    std::string waiting_;
    double flush_seconds_;
    std::chrono::steady_clock::time_point last_flush_;
    bool complained_ = false;
};

}  // namespace purnet
