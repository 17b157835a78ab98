// Runs a program that stands beside the test program, as a user does.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/runtime/error.h"
#include "tests/support/temporary_folder.h"

namespace purnet::test {

struct Outcome {
    int code = 0;  // the exit code; 128 + signal for a killed program
    std::string out, err;
    double cpu_ms = 0;  // processor time, which other work on the machine does not stretch
};

inline std::filesystem::path program_path(const std::string& name = "purnet") {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

inline std::string text_of_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// A program that was started; killed if nobody waits for its end.
class RunningProgram {
public:
    // `environment` holds NAME=VALUE; every other PURNET_ variable but PURNET_ISA and PURNET_THREADS is taken away. PURNET_PACKED is off
    // unless it says more.
    explicit RunningProgram(const std::vector<std::string>& words, const std::vector<std::string>& environment = {},
                            const std::string& name = "purnet")
        : out_(folder_ / "out"), err_(folder_ / "err") {
        const std::string program = program_path(name);
        child_ = ::fork();
        require(child_ >= 0, "fork failed");
        if (child_ == 0) become(program, words, environment);
    }
    ~RunningProgram() {
        if (child_ <= 0) return;
        signal(SIGKILL);
        wait();
    }
    RunningProgram(const RunningProgram&) = delete;
    RunningProgram& operator=(const RunningProgram&) = delete;

    void signal(int number) const { ::kill(child_, number); }
    // What it has written to its standard error so far.
    std::string err() const { return text_of_file(err_); }

    Outcome wait() {
        int status = 0;
        rusage usage{};
        ::wait4(child_, &status, 0, &usage);
        child_ = -1;
        const auto ms = [](const timeval& time) {
            return 1e3 * static_cast<double>(time.tv_sec) + 1e-3 * static_cast<double>(time.tv_usec);
        };
        return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), text_of_file(out_), text_of_file(err_),
                ms(usage.ru_utime) + ms(usage.ru_stime)};
    }

private:
    [[noreturn]] void become(const std::string& program, const std::vector<std::string>& words,
                             const std::vector<std::string>& environment) const {
        for (char** variable = ::environ; *variable; ++variable) {
            const std::string name = std::string(*variable).substr(0, std::string(*variable).find('='));
            if (name.starts_with("PURNET_") && name != "PURNET_ISA" && name != "PURNET_THREADS") {
                ::unsetenv(name.c_str());
                variable = ::environ - 1;
            }
        }
        ::setenv("PURNET_PACKED", "off", 1);  // tests leave no weights in the user's cache
        for (const std::string& entry : environment)
            ::setenv(entry.substr(0, entry.find('=')).c_str(), entry.c_str() + entry.find('=') + 1, 1);
        ::dup2(::open(out_.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
        ::dup2(::open(err_.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
        for (const int number : {SIGINT, SIGQUIT}) ::signal(number, SIG_DFL);  // shells start what runs in the background without them
        std::vector<char*> arguments{const_cast<char*>(program.c_str())};
        for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        ::execv(program.c_str(), arguments.data());
        ::_exit(127);
    }

    TemporaryFolder folder_;
    std::string out_, err_;
    pid_t child_ = -1;
};

inline Outcome run_program(const std::vector<std::string>& words, const std::vector<std::string>& environment = {}) {
    return RunningProgram(words, environment).wait();
}

}  // namespace purnet::test
