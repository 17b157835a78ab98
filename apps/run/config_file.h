// Configuration files: `key = value` lines in sections, a subset of TOML.
//
//     # a comment
//     threads = 4
//     [eval]                      # keys of one command
//     pred = ["ours=out", 'b']
//     resize = true
//
// Keys are letters, digits, '-' and '_'. Values are bare words (numbers, true, false, names), strings in "..." (with \" \\ \n \t)
// or '...' (verbatim), or lists of those in [...], which may span lines. Anything else is an Error with file and line.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace purnet {

struct ConfigEntry {
    std::string section;  // "" before the first [section]
    std::string key;
    std::vector<std::string> values;
    bool list = false;
    int line = 0;
};

// `name` stands in front of errors.
std::vector<ConfigEntry> parse_config(std::string_view text, const std::string& name);
std::vector<ConfigEntry> read_config(const std::filesystem::path& path);

// A value as it must be written to be read back: bare where possible, else quoted.
std::string config_value(std::string_view value);

}  // namespace purnet
