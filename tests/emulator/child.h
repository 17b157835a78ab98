// Runs a function in a child process that is expected to be stopped by a sanitizer, and returns what it printed.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace purnet::test {

struct ChildResult {
    bool stopped = false;  // it did not return normally
    std::string output;
};

template <class F>
ChildResult run_in_child(F&& function) {
    int ends[2];
    if (pipe(ends) != 0) return {};
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        try {
            function();
        } catch (const std::exception& e) {
            std::fprintf(stderr, "exception: %s\n", e.what());
        }
        _exit(0);
    }
    close(ends[1]);
    ChildResult result;
    char buffer[4096];
    for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) result.output.append(buffer, static_cast<size_t>(n));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    result.stopped = !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return result;
}

// "file:line" of the first line of a source, named from the tree's root, that contains `text`.
inline std::string place_in(const std::string& file, const std::string& text) {
    std::ifstream source(file);
    int number = 1;
    for (std::string line; std::getline(source, line); ++number)
        if (line.find(text) != std::string::npos) return file + ":" + std::to_string(number);
    return file + ", no line with " + text;
}

}  // namespace purnet::test
