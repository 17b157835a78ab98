// From the words of the command line, the environment and a configuration file to the options of one command.
#pragma once

#include <string>
#include <vector>

#include "apps/purnet/command.h"

namespace purnet::app {

// The options that every command has. They take effect (console, threads, device) by apply().
struct CommonOptions {
    bool quiet = false, print_config = false;
    std::string color = "auto", progress = "auto", device = "auto", config;
    int threads = 0;

    void add(Options& options);
    void apply() const;
};

// "PURNET_BOOTSTRAP" for --bootstrap.
std::string environment_name(const CLI::Option& option);
// The long name without dashes, "" for an option without one.
std::string long_name(const CLI::Option& option);

// Fills the options' variables. UsageError in one sentence: unknown names with the nearest known one, missing or wrong values.
// With `tolerate_missing`, required options may be absent (--print-config).
void parse(Options& options, const std::vector<std::string>& words, bool tolerate_missing);

// The values in effect, as a configuration file with comments.
std::string config_text(const Options& options);

// Every command with all its options, the common ones included.
void for_each_command(const std::function<void(const Options&)>& visit);

// What help, manual and completion say about an option.
bool takes_value(const CLI::Option& option);
bool takes_list(const CLI::Option& option);
std::string type_of(const CLI::Option& option);                  // "FILE"
std::vector<std::string> choices_of(const CLI::Option& option);  // {"auto", "always", "never"}, or nothing
std::string names_of(const CLI::Option& option);                 // "-q, --quiet", "--pred DIR..."
std::string remark_on(const CLI::Option& option);                // " (1 to 100; default 95)", or nothing

std::string program_help();
std::string command_help(const Options& options);
std::string version_text();

}  // namespace purnet::app
