// purnet completion: scripts that let a shell complete commands, options and their values. Made from the options themselves.
#include <cstdio>
#include <memory>
#include <sstream>

#include "apps/purnet/command_line.h"

namespace purnet::app {
namespace {

std::vector<std::string> option_names(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const std::string& name : option.get_snames()) names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
    return names;
}

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
    return out;
}

std::vector<std::string> command_names() {
    std::vector<std::string> names;
    for (const Command& command : commands()) names.emplace_back(command.name);
    return names;
}

std::string bash_script() {
    std::ostringstream out, values, options;
    for_each_command([&](const Options& command) {
        std::vector<std::string> names{"--help"};
        for (const CLI::Option* option : command.cli().get_options()) {
            for (const std::string& name : option_names(*option)) {
                names.push_back(name);
                if (const auto choices = choices_of(*option); !choices.empty())
                    values << "        " << shell_quoted(command.cli().get_name() + " " + name) << ") COMPREPLY=($(compgen -W "
                           << shell_quoted(joined(choices)) << " -- \"$word\")); return ;;\n";
            }
        }
        options << "            " << command.cli().get_name() << ") names=" << shell_quoted(joined(names)) << " ;;\n";
    });
    out << "# bash completion of purnet\n_purnet() {\n    local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" "
           "command=\"${COMP_WORDS[1]}\" names=\n    COMPREPLY=()\n    if [ \"$COMP_CWORD\" = 1 ]; then\n        COMPREPLY=($(compgen -W "
        << shell_quoted(joined(command_names()) + " --help --version")
        << " -- \"$word\"))\n        return\n    fi\n    case \"$command $before\" in\n"
        << values.str() << "    esac\n    if [[ \"$word\" == -* ]]; then\n        case \"$command\" in\n"
        << options.str() << "        esac\n        COMPREPLY=($(compgen -W \"$names\" -- \"$word\"))\n    fi\n}\n"
        << "complete -o default -o bashdefault -F _purnet purnet\n";
    return out.str();
}

// Colons and brackets have a meaning in zsh's descriptions.
std::string zsh_text(const std::string& text) {
    std::string out;
    for (const char c : text) {
        if (c == ':' || c == '[' || c == ']') out += '\\';
        out += c;
    }
    return out;
}

std::string zsh_script() {
    std::ostringstream out;
    out << "#compdef purnet\n_purnet() {\n    local -a commands=(\n";
    for (const Command& command : commands())
        out << "        " << shell_quoted(std::string(command.name) + ":" + zsh_text(std::string(command.summary))) << "\n";
    out << "    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n        return\n    fi\n    local "
           "command=$words[2]\n"
           "    shift words\n    (( CURRENT-- ))\n    case $command in\n";
    for_each_command([&](const Options& command) {
        out << "        " << command.cli().get_name() << ") _arguments '--help[show help]'";
        for (const CLI::Option* option : command.cli().get_options())
            for (const std::string& name : option_names(*option)) {
                std::string spec = (takes_list(*option) ? "*" : "") + name + "[" + zsh_text(option->get_description()) + "]";
                if (takes_value(*option)) {
                    const auto choices = choices_of(*option);
                    spec += ":" + zsh_text(type_of(*option)) + ":" + (choices.empty() ? "_files" : "(" + joined(choices) + ")");
                }
                out << " \\\n            " << shell_quoted(spec);
            }
        out << " \\\n            '*:file:_files' ;;\n";
    });
    out << "    esac\n}\n_purnet \"$@\"\n";
    return out.str();
}

std::string fish_script() {
    std::ostringstream out;
    out << "# fish completion of purnet\n";
    for (const Command& command : commands())
        out << "complete -c purnet -n __fish_use_subcommand -f -a " << command.name << " -d " << shell_quoted(std::string(command.summary))
            << "\n";
    for_each_command([&](const Options& command) {
        for (const CLI::Option* option : command.cli().get_options()) {
            if (option_names(*option).empty()) continue;
            out << "complete -c purnet -n '__fish_seen_subcommand_from " << command.cli().get_name() << "'";
            for (const std::string& name : option->get_snames()) out << " -s " << name;
            for (const std::string& name : option->get_lnames()) out << " -l " << name;
            if (takes_value(*option)) out << " -r";
            if (const auto choices = choices_of(*option); !choices.empty()) out << " -f -a " << shell_quoted(joined(choices));
            out << " -d " << shell_quoted(option->get_description()) << "\n";
        }
    });
    return out.str();
}

}  // namespace

Run add_completion(Options& options) {
    auto shell = std::make_shared<std::string>();
    options.example("purnet completion bash > ~/.local/share/bash-completion/completions/purnet", "from the next bash on, Tab completes");
    options.example("purnet completion zsh > \"${fpath[1]}/_purnet\"", "the same for zsh; fish: ~/.config/fish/completions/purnet.fish");
    options.group("Shell");
    options.words("shell", *shell, "bash, zsh or fish")->required()->check(one_of({"bash", "zsh", "fish"}));
    return [shell] {
        const std::string script = *shell == "bash" ? bash_script() : *shell == "zsh" ? zsh_script() : fish_script();
        std::fputs(script.c_str(), stdout);
        return static_cast<int>(all_fine);
    };
}

}  // namespace purnet::app
