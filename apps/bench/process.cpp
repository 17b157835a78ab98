#include "apps/bench/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include "apps/bench/report.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/seconds.h"

namespace purnet::bench {
namespace {

namespace fs = std::filesystem;

// The kernel's own figure (ru_maxrss) begins with what the parent held when it made the process; this one does not.
class PeakWatch {
public:
    explicit PeakWatch(pid_t process) : file_("/proc/" + std::to_string(process) + "/status"), thread_([this] { watch(); }) {}
    double end() {
        {
            std::lock_guard lock(mutex_);
            over_ = true;
        }
        changed_.notify_all();
        thread_.join();
        return peak_;
    }

private:
    void watch() {
        std::unique_lock lock(mutex_);
        while (!over_) {
            std::ifstream status(file_);
            for (std::string line; std::getline(status, line);)
                if (line.starts_with("VmHWM:")) peak_ = std::strtod(line.c_str() + 6, nullptr) / 1024;
            changed_.wait_for(lock, std::chrono::milliseconds(10), [&] { return over_; });
        }
    }

    std::string file_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool over_ = false;
    double peak_ = 0;
    std::thread thread_;
};

std::vector<std::string> environment() {
    std::vector<std::string> variables = {"PURNET_THREADS=" + std::to_string(thread_count())};
    for (char** variable = ::environ; *variable; ++variable) {
        const std::string text = *variable;
        if (!text.starts_with("PURNET_") || text.starts_with("PURNET_ISA=")) variables.push_back(text);
    }
    return variables;
}

// For C, with the null at the end. The strings must outlive it.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
}

std::string last_line(const fs::path& file) {
    std::ifstream text(file);
    std::string last;
    for (std::string line; std::getline(text, line);)
        if (!line.empty()) last = line;
    return last;
}

}  // namespace

fs::path purnet_program() {
    const fs::path program = fs::read_symlink("/proc/self/exe").parent_path() / "purnet";
    require(::access(program.c_str(), X_OK) == 0, program.string(),
            ": is not there; make it, or leave out the rows that start it (--filter)");
    return program;
}

ProcessRun run_purnet(const std::vector<std::string>& words, const fs::path& log) {
    std::vector<std::string> arguments = {purnet_program().string()}, variables = environment();
    arguments.insert(arguments.end(), words.begin(), words.end());
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    const double start = seconds_now();
    pid_t child = -1;
    const int error =
        ::posix_spawn(&child, arguments[0].c_str(), &files, nullptr, pointers_to(arguments).data(), pointers_to(variables).data());
    ::posix_spawn_file_actions_destroy(&files);
    require(error == 0, arguments[0], ": cannot be started: ", std::strerror(error));
    PeakWatch watch(child);  // its program is in place already: posix_spawn returns after that
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const double seconds = seconds_now() - start;
    const double peak = watch.end();
    require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "purnet ", words.front(), " failed: ", last_line(log));
    return {seconds, peak};
}

}  // namespace purnet::bench
