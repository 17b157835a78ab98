// How a subcommand of the program is made: one file, one function that names its options and returns the work.
//
//     Run add_shrink(Options& options) {                        // in apps/purnet/shrink.cpp
//         struct Settings { std::string in; int size = 320; };
//         auto s = std::make_shared<Settings>();
//         options.example("purnet shrink --in photo.jpg", "halves the photograph");
//         options.group("Pictures");
//         options.value("--in", s->in, "FILE", "the picture to shrink")->required();
//         options.value("--size", s->size, "N", "longer side of the result")->check(in_range(1, 10000));
//         return [s] { return shrink(*s); };                     // the exit code
//     }
//
// and one line in commands.cpp. Everything else follows: --help, the environment variable PURNET_SIZE, the key `size` in a
// configuration file, --print-config, errors with the nearest name, and the options that all commands share (--quiet, --threads,
// --color, --progress, --config). Precedence: option, environment, configuration file, default.
//
// The work throws purnet::Error for what fails (exit 1) and UsageError for options that don't go together (exit 2).
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/runtime/error.h"

namespace purnet::app {

class UsageError : public Error {
public:
    using Error::Error;
};

enum ExitCode { all_fine = 0, work_failed = 1, wrong_usage = 2, some_inputs_failed = 3, check_found_errors = 4 };

using Run = std::function<int()>;

// A number of digits alone that fits 64 bits: CLI11 itself takes -1 for the largest one. For unsigned variables; value() asks it.
CLI::Validator whole_number();

class Options {
public:
    Options(std::string_view command, std::string_view summary);

    // Stands at the top of --help. Two or three.
    void example(std::string line, std::string meaning) { examples_.emplace_back(std::move(line), std::move(meaning)); }
    // Heading of the options that follow.
    void group(std::string heading) { group_ = std::move(heading); }

    // An option with a value, of several of which the last counts; vectors take several and may be repeated. The variable's present value
    // is the default.
    template <class T>
    CLI::Option* value(const std::string& names, T& variable, const std::string& type, const std::string& text) {
        CLI::Option* const option = decorate(cli_.add_option(names, variable, text)->type_name(type));
        if constexpr (std::is_unsigned_v<T>) option->check(whole_number());
        return option->get_items_expected_max() == 1 ? option->take_last() : option;
    }
    // A switch. "--resume,!--no-resume" offers both directions.
    CLI::Option* flag(const std::string& names, bool& variable, const std::string& text) {
        return decorate(cli_.add_flag(names, variable, text)->default_str(variable ? "true" : "false"));
    }
    // Words without a dash, in the order of the calls.
    template <class T>
    CLI::Option* words(const std::string& name, T& variable, const std::string& text) {
        return decorate(cli_.add_option(name, variable, text));
    }

    // Work for when all options are known, before --print-config: for options whose default follows from others.
    void when_known(std::function<void()> settle) { settle_ = std::move(settle); }
    void settle() const {
        if (settle_) settle_();
    }

    CLI::App& cli() { return cli_; }
    const CLI::App& cli() const { return cli_; }
    const std::vector<std::pair<std::string, std::string>>& examples() const { return examples_; }

private:
    CLI::Option* decorate(CLI::Option* option) { return option->group(group_); }

    CLI::App cli_;
    std::string group_ = "Options";
    std::function<void()> settle_;
    std::vector<std::pair<std::string, std::string>> examples_;
};

struct Command {
    std::string_view name;
    std::string_view summary;  // one line of `purnet --help`
    Run (*add)(Options&);
};
const std::vector<Command>& commands();

// Checks for options, with a description that --help shows.
CLI::Validator in_range(double low, double high);
CLI::Validator network_side();  // 0, or what a network takes
CLI::Validator one_of(std::vector<std::string> names);

// A result that may go to a file or, with the name -, to stdout in place of the text that people read.
void write_result(const std::string& file, const std::string& content);

// In single quotes, as a POSIX shell takes it for one word whatever it holds.
std::string shell_quoted(const std::string& text);
// The same, but plain where nothing in it needs quotes.
std::string shell_word(const std::string& text);

// Was the option given, on the command line, in the environment or in a configuration file?
inline bool given(const CLI::Option* option) { return option->count() > 0; }

}  // namespace purnet::app
