#include <algorithm>

#include "apps/purnet/command_line.h"
#include "apps/run/console.h"
#include "apps/run/version.h"

namespace purnet::app {
namespace {

constexpr size_t text_column = 26;

std::string bold(const std::string& text) { return inked(text, Ink::bold, use_colour(stdout)); }

// Words of `text` in lines that end before `width`, all but the first indented.
std::string wrapped(const std::string& text, size_t indent, size_t width) {
    std::string out;
    size_t column = indent;
    for (size_t begin = 0; begin < text.size();) {
        const size_t end = std::min(text.find(' ', begin), text.size());
        const std::string word = text.substr(begin, end - begin);
        begin = end + 1;
        if (column > indent && column + 1 + word.size() > width) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
        } else if (column > indent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    return out;
}

}  // namespace

std::string type_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    return type.substr(0, type.find(':'));
}

std::vector<std::string> choices_of(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const size_t colon = type.find(':');
    if (colon == std::string::npos || type.find('|', colon) == std::string::npos) return {};
    std::vector<std::string> choices(1);
    for (const char c : type.substr(colon + 1))
        if (c == '|')
            choices.emplace_back();
        else
            choices.back() += c;
    return choices;
}

std::string names_of(const CLI::Option& option) {
    std::string names;
    if (option.get_lnames().empty() && option.get_snames().empty()) return option.get_name();
    for (const std::string& name : option.get_snames()) names += "-" + name + ", ";
    for (const std::string& name : option.get_lnames()) names += "--" + name + ", ";
    names.resize(names.size() - 2);
    if (takes_value(option)) names += " " + type_of(option) + (takes_list(option) ? "..." : "");
    return names;
}

std::string remark_on(const CLI::Option& option) {
    std::string remark;
    const auto add = [&](const std::string& part) { remark += (remark.empty() ? "" : "; ") + part; };
    if (option.get_required()) add("required");
    const std::string type = option.get_type_name();
    if (const size_t colon = type.find(':'); colon != std::string::npos) add(type.substr(colon + 1));
    const std::string value = option.get_default_str();
    if (takes_value(option) && !value.empty() && value != "[]" && value != "\"\"") add("default " + value);
    return remark.empty() ? "" : " (" + remark + ")";
}

void for_each_command(const std::function<void(const Options&)>& visit) {
    for (const Command& command : commands()) {
        Options options(command.name, command.summary);
        const Run keeps_variables = command.add(options);
        CommonOptions common;
        common.add(options);
        visit(options);
    }
}

std::string program_help() {
    std::string out = "purnet: salient object detection, trained and run without any framework\n\n" + bold("Examples:") + "\n";
    int shown = 0;
    for_each_command([&](const Options& options) {
        if (!options.examples().empty() && ++shown <= 3) out += "  " + options.examples().front().first + "\n";
    });
    out += "\n" + bold("Commands:") + "\n";
    for (const Command& command : commands()) {
        const std::string name(command.name);
        out += "  " + name + std::string(name.size() < 14 ? 14 - name.size() : 1, ' ') + std::string(command.summary) + "\n";
    }
    out += "\n  purnet COMMAND --help     options of one command, with examples\n";
    out += "  purnet --version          version, build, processor, libraries\n";
    return out;
}

std::string command_help(const Options& options) {
    const CLI::App& cli = options.cli();
    const size_t width = static_cast<size_t>(std::clamp(terminal_width(stdout), 60, 120));
    std::string out = "purnet " + cli.get_name() + ": " + cli.get_description() + "\n\n" + bold("Examples:") + "\n";
    for (const auto& [line, meaning] : options.examples()) out += "  " + line + "\n      " + wrapped(meaning, 6, width) + "\n";

    std::vector<std::string> groups;
    for (const CLI::Option* option : cli.get_options())
        if (std::find(groups.begin(), groups.end(), option->get_group()) == groups.end()) groups.push_back(option->get_group());
    for (const std::string& group : groups) {
        out += "\n" + bold(group + ":") + "\n";
        for (const CLI::Option* option : cli.get_options()) {
            if (option->get_group() != group) continue;
            const std::string names = "  " + names_of(*option);
            out += names;
            out += names.size() + 2 > text_column ? "\n" + std::string(text_column, ' ') : std::string(text_column - names.size(), ' ');
            out += wrapped(option->get_description() + remark_on(*option), text_column, width) + "\n";
        }
    }
    out += "\n" +
           wrapped(
               "Every option is also an environment variable (--threads: PURNET_THREADS) and a key of --config's file. "
               "Exit codes: 0 fine, 1 the work failed, 2 wrong usage, 3 some inputs failed, 4 a check found errors, 130 and 143 "
               "interrupted.",
               0, width) +
           "\n";
    return out;
}

std::string version_text() {
    return "purnet " + program_version() + "\nbuild      " + build_description() + "\nprocessor  " + processor_description() +
           "\nlibraries  " + library_versions() + "\n";
}

}  // namespace purnet::app
