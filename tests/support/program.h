// Runs the program that stands beside the test program, as a user does.
#pragma once

#include <fcntl.h>
#include <signal.h>
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
};

inline std::filesystem::path program_path() { return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "purnet"; }

inline std::string text_of_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

// `environment` holds NAME=VALUE; every other PURNET_ variable but PURNET_ISA and PURNET_THREADS is taken away.
inline Outcome run_program(const std::vector<std::string>& words, const std::vector<std::string>& environment = {}) {
    const TemporaryFolder folder;
    const std::string out = folder / "out", err = folder / "err", program = program_path();
    const pid_t child = ::fork();
    require(child >= 0, "fork failed");
    if (child == 0) {
        for (char** variable = ::environ; *variable; ++variable) {
            const std::string name = std::string(*variable).substr(0, std::string(*variable).find('='));
            if (name.starts_with("PURNET_") && name != "PURNET_ISA" && name != "PURNET_THREADS") {
                ::unsetenv(name.c_str());
                variable = ::environ - 1;
            }
        }
        for (const std::string& entry : environment)
            ::setenv(entry.substr(0, entry.find('=')).c_str(), entry.c_str() + entry.find('=') + 1, 1);
        ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT, 0600), STDOUT_FILENO);
        ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
        std::vector<char*> arguments{const_cast<char*>(program.c_str())};
        for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        ::execv(program.c_str(), arguments.data());
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), text_of_file(out), text_of_file(err)};
}

}  // namespace purnet::test
