// purnet: salient object detection, trained and run without any framework.
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "apps/purnet/command_line.h"
#include "apps/run/console.h"
#include "apps/run/nearest_name.h"

namespace purnet::app {
namespace {

bool contains(const std::vector<std::string>& words, const std::string& word, const std::string& other) {
    for (const std::string& w : words) {
        if (w == "--") return false;
        if (w == word || w == other) return true;
    }
    return false;
}

int print(const std::string& text) {
    std::fputs(text.c_str(), stdout);
    return all_fine;
}

int run_command(const Command& command, const std::vector<std::string>& words) {
    Options options(command.name, command.summary);
    const Run run = command.add(options);
    CommonOptions common;
    common.add(options);
    if (contains(words, "--help", "-h")) return print(command_help(options));
    parse(options, words, contains(words, "--print-config", "--print-config=true"));
    common.apply();
    if (common.print_config) return print(config_text(options));
    return run();
}

int dispatch(std::vector<std::string> words) {
    if (words.empty()) {
        std::fputs(program_help().c_str(), stderr);
        return wrong_usage;
    }
    const std::string name = words.front();
    words.erase(words.begin());
    if (name == "--version" || name == "version") return print(version_text());
    if (name == "--help" || name == "-h" || (name == "help" && words.empty())) return print(program_help());
    const std::string wanted = name == "help" ? words.front() : name;
    std::vector<std::string> names;
    for (const Command& command : commands()) {
        if (wanted == command.name) return run_command(command, name == "help" ? std::vector<std::string>{"--help"} : words);
        names.emplace_back(command.name);
    }
    if (name[0] == '-') throw UsageError("the first word is a command, not '" + name + "' (purnet --help lists them)");
    throw UsageError("there is no command '" + wanted + "'" + did_you_mean(wanted, names) + " (purnet --help lists them)");
}

void report(const std::string& message) { write_line(inked("purnet: error: ", Ink::red, use_colour(stderr)) + message); }

int guarded(const std::vector<std::string>& words) {
    try {
        const int code = dispatch(words);
        // A result that could not be written is a failure, also when only the last bytes are lost.
        if (std::fflush(stdout) != 0 || std::ferror(stdout)) fail("stdout: ", std::strerror(errno));
        return code;
    } catch (const UsageError& error) {
        report(error.what());
        return wrong_usage;
    } catch (const Error& error) {
        report(error.what());
    } catch (const std::bad_alloc&) {
        report("there is not enough memory");
    } catch (const std::exception& error) {
        report(std::string("internal: ") + error.what());
    }
    return work_failed;
}

}  // namespace
}  // namespace purnet::app

int main(int count, char** words) {
    // A reader that has seen enough (`| head`) ends the program without a word, also where a parent ignores the signal.
    ::signal(SIGPIPE, SIG_DFL);
    return purnet::app::guarded(std::vector<std::string>(words + 1, words + count));
}
