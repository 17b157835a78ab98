#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "apps/purnet/command.h"
#include "apps/run/nearest_name.h"
#include "apps/run/table.h"
#include "core/formats/atomic_file.h"

namespace purnet::app {

Options::Options(std::string_view command, std::string_view summary) : cli_(std::string(summary), std::string(command)) {
    cli_.set_help_flag();  // --help is handled in front, where nothing else can fail first
    cli_.option_defaults()->always_capture_default();
}

CLI::Validator in_range(double low, double high) {
    const auto text_of_limit = [](double limit) { return limit == std::trunc(limit) ? fixed_text(limit, 0) : exact_text(limit); };
    const std::string description = text_of_limit(low) + " to " + text_of_limit(high);
    return CLI::Validator(
        [low, high, description](std::string& text) -> std::string {
            double value = 0;
            if (!CLI::detail::lexical_cast(text, value)) return "'" + text + "' is not a number";
            return value >= low && value <= high ? "" : text + " is outside " + description;
        },
        description);
}

CLI::Validator whole_number() {
    return CLI::Validator(
        [](std::string& text) -> std::string {
            uint64_t value = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
            return error == std::errc() && end == text.data() + text.size() ? "" : "'" + text + "' is no whole number from 0 to 2^64 - 1";
        },
        "");
}

CLI::Validator network_side() {
    return CLI::Validator(
        [](std::string& text) -> std::string {
            double value = -1;
            if (!CLI::detail::lexical_cast(text, value)) return "'" + text + "' is not a number";
            return value == 0 || (value >= 32 && value <= 8192) ? "" : text + " is neither 0 nor 32 to 8192";
        },
        "0, or 32 to 8192");
}

CLI::Validator one_of(std::vector<std::string> names) {
    std::string description;
    for (const std::string& name : names) description += (description.empty() ? "" : "|") + name;
    return CLI::Validator(
        [names, description](std::string& text) -> std::string {
            if (std::find(names.begin(), names.end(), text) != names.end()) return "";
            return "'" + text + "' is none of " + description + did_you_mean(text, names);
        },
        description);
}

void write_result(const std::string& file, const std::string& content) {
    if (file != "-") return atomic_write(file, content);
    std::fwrite(content.data(), 1, content.size(), stdout);
    require(std::fflush(stdout) == 0, "stdout cannot be written");
}

std::string shell_quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string shell_word(const std::string& text) {
    constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=+,@%";
    return text.find_first_not_of(plain) == std::string::npos ? text : shell_quoted(text);
}

}  // namespace purnet::app
