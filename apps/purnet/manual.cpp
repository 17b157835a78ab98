// purnet manual: manual pages in troff, made from the options themselves.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>

#include "apps/purnet/command_line.h"
#include "apps/run/version.h"
#include "core/formats/atomic_file.h"

namespace purnet::app {
namespace {

// Text as troff takes it: dashes that stay dashes, no line that begins with a request.
std::string troff(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
            out += std::string("\\&") + c;
        else
            out += c;
    }
    return out;
}

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    return text;
}

std::string title(const std::string& name) {
    return ".TH " + upper(name) + " 1 \"\" \"purnet " + troff(program_version()) + "\" \"purnet\"\n";
}

const char* exit_codes =
    ".SH EXIT STATUS\n0 fine, 1 the work failed, 2 wrong usage, 3 some inputs failed, 4 a check found errors, 130 and 143 interrupted.\n";

std::string program_page() {
    std::ostringstream out;
    out << title("purnet") << ".SH NAME\npurnet \\- salient object detection, trained and run without any framework\n"
        << ".SH SYNOPSIS\n.B purnet\n.I COMMAND\n[options]\n.SH COMMANDS\n";
    for (const Command& command : commands())
        out << ".TP\n.B " << troff(std::string(command.name)) << "\n"
            << troff(std::string(command.summary)) << "; see purnet\\-" << command.name << "(1)\n";
    out << exit_codes;
    return out.str();
}

std::string command_page(const Options& options) {
    const CLI::App& cli = options.cli();
    std::ostringstream out;
    out << title("purnet-" + cli.get_name()) << ".SH NAME\npurnet\\-" << troff(cli.get_name()) << " \\- " << troff(cli.get_description())
        << "\n.SH SYNOPSIS\n.B purnet " << troff(cli.get_name()) << "\n[options]\n.SH EXAMPLES\n";
    for (const auto& [line, meaning] : options.examples()) out << ".TP\n.B " << troff(line) << "\n" << troff(meaning) << "\n";
    out << ".SH OPTIONS\n";
    std::vector<std::string> groups;
    for (const CLI::Option* option : cli.get_options())
        if (std::find(groups.begin(), groups.end(), option->get_group()) == groups.end()) groups.push_back(option->get_group());
    for (const std::string& group : groups) {
        out << ".SS " << troff(group) << "\n";
        for (const CLI::Option* option : cli.get_options())
            if (option->get_group() == group)
                out << ".TP\n.B " << troff(names_of(*option)) << "\n" << troff(option->get_description() + remark_on(*option)) << "\n";
    }
    out << ".SH ENVIRONMENT\nEvery option is also a variable: PURNET_ and its long name in capitals, dashes as underscores. A list is "
           "separated "
           "by commas.\n"
        << ".SH FILES\nEvery option is also a key of the file that \\-\\-config names: lines of the form key = value, under ["
        << troff(cli.get_name())
        << "] or before any section. \\-\\-print\\-config writes one. An option counts more than a variable, a variable more than the "
           "file.\n"
        << exit_codes << ".SH SEE ALSO\npurnet(1)\n";
    return out.str();
}

}  // namespace

Run add_manual(Options& options) {
    auto name = std::make_shared<std::string>();
    auto folder = std::make_shared<std::string>();
    options.example("purnet manual eval | man -l -", "the manual page of one command");
    options.example("purnet manual --out ~/.local/share/man/man1", "the pages of the program and of all its commands, for man purnet");
    options.group("Page");
    options.words("command", *name, "whose page; the program's without it");
    options.value("--out", *folder, "DIR", "write every page to this folder: purnet.1, purnet-train.1, ...");
    return [name, folder] {
        if (!folder->empty()) {
            if (!name->empty()) throw UsageError("--out writes every page: leave '" + *name + "' away");
            std::error_code error;
            std::filesystem::create_directories(*folder, error);
            require(!error, *folder, ": cannot be made: ", error.message());
            const std::filesystem::path to = *folder;
            atomic_write(to / "purnet.1", program_page());
            for_each_command(
                [&](const Options& command) { atomic_write(to / ("purnet-" + command.cli().get_name() + ".1"), command_page(command)); });
            return static_cast<int>(all_fine);
        }
        std::string page = name->empty() ? program_page() : "";
        for_each_command([&](const Options& command) {
            if (command.cli().get_name() == *name) page = command_page(command);
        });
        if (page.empty()) throw UsageError("there is no command '" + *name + "'");
        std::fputs(page.c_str(), stdout);
        return static_cast<int>(all_fine);
    };
}

}  // namespace purnet::app
