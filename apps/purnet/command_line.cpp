#include "apps/purnet/command_line.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <map>
#include <set>

#include "apps/run/computing_device.h"
#include "apps/run/config_file.h"
#include "apps/run/console.h"
#include "apps/run/nearest_name.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/parallel.h"

namespace purnet::app {
namespace {

constexpr const char* not_configurable[] = {"config", "print-config"};

bool is_configurable(const CLI::Option& option) {
    const std::string name = long_name(option);
    return !name.empty() && std::find(std::begin(not_configurable), std::end(not_configurable), name) == std::end(not_configurable);
}

std::vector<std::string> long_names(const Options& options) {
    std::vector<std::string> names;
    for (const CLI::Option* option : options.cli().get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    names.push_back("--help");
    return names;
}

[[noreturn]] void refuse_option(const Options& options, const std::string& name, const std::string& like) {
    const std::string command = options.cli().get_name();
    throw UsageError("'" + command + "' has no option '" + name + "'" + did_you_mean(like, long_names(options)) + " (purnet " + command +
                     " --help lists them)");
}

// "--out --refine": no file is called so where an option is.
void refuse_option_as_value(const Options& options, const std::string& word, const std::string& value) {
    if (value.size() < 2 || value[0] != '-' || !options.cli().get_option_no_throw(value)) return;
    throw UsageError("'" + options.cli().get_name() + "': " + word + " needs a value, and " + value + " is an option (" + word + "=" +
                     value + " takes it as the value)");
}

// CLI11 takes a value in square brackets for a list; here it is the name of a file.
std::string literal(const std::string& value) {
    return value.size() >= 2 && value.front() == '[' && value.back() == ']' ? "./" + value : value;
}

// Which options the command line names; an unknown one is refused.
std::set<const CLI::Option*> named_options(const Options& options, const std::vector<std::string>& words) {
    std::set<const CLI::Option*> named;
    for (size_t at = 0; at < words.size(); ++at) {
        const std::string& word = words[at];
        if (word == "--") break;
        if (word.size() < 2 || word[0] != '-') continue;
        if (word[1] == '-') {
            const std::string name = word.substr(0, word.find('='));
            const CLI::Option* option = options.cli().get_option_no_throw(name);
            if (!option) refuse_option(options, name, name);
            named.insert(option);
            if (name == word && takes_value(*option)) refuse_option_as_value(options, word, at + 1 < words.size() ? words[at + 1] : "");
            continue;
        }
        if (!std::isalpha(static_cast<unsigned char>(word[1]))) continue;  // a negative number
        for (size_t i = 1; i < word.size(); ++i) {
            const CLI::Option* option = options.cli().get_option_no_throw(std::string("-") + word[i]);
            if (!option) refuse_option(options, word, "-" + word.substr(0, word.find('=')));
            named.insert(option);
            if (!takes_value(*option)) continue;
            if (i + 1 == word.size()) refuse_option_as_value(options, word, at + 1 < words.size() ? words[at + 1] : "");
            break;
        }
    }
    return named;
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    for (const char c : text)
        if (c == separator)
            parts.emplace_back();
        else
            parts.back() += c;
    return parts;
}

// What stands in for options that the command line does not name, as words in front of it, with the place each came from.
class Substitutes {
public:
    Substitutes(const Options& options, std::set<const CLI::Option*> named) : options_(options), taken_(std::move(named)) {}

    void from_environment() {
        for (const CLI::Option* option : options_.cli().get_options()) {
            if (!is_configurable(*option)) continue;
            const std::string variable = environment_name(*option);
            const char* value = std::getenv(variable.c_str());
            if (value && *value) put(option, takes_list(*option) ? split(value, ',') : std::vector<std::string>{value}, variable);
        }
    }

    void from_file(const std::string& path) {
        std::set<const CLI::Option*> here;
        for (const ConfigEntry& entry : read_config(path)) {
            const std::string command = options_.cli().get_name();
            if (!entry.section.empty() && entry.section != command) {
                check_section(entry, path);
                continue;
            }
            std::string name = entry.key;
            std::replace(name.begin(), name.end(), '_', '-');
            const CLI::Option* option = options_.cli().get_option_no_throw("--" + name);
            if (!option || !is_configurable(*option))
                throw UsageError(
                    concat(path, ", line ", entry.line, ": '", command, "' has no setting '", entry.key, "'", suggestion(name)));
            if (!here.insert(option).second) throw UsageError(concat(path, ", line ", entry.line, ": '", entry.key, "' is set twice"));
            if (entry.list && !takes_list(*option))
                throw UsageError(concat(path, ", line ", entry.line, ": '", entry.key, "' takes one value, not a list"));
            put(option, entry.values, concat(path, ", line ", entry.line));
        }
    }

    const std::vector<std::string>& words() const { return words_; }

    // " (from PURNET_SIZE)" for an error that begins with an option's name.
    std::string origin_of(const std::string& error) const {
        for (const auto& [name, origin] : origins_)
            if (error.starts_with(name + ":") || error.starts_with(name + " ") || error.find(" " + name + " ") != std::string::npos)
                return " (from " + origin + ")";
        return "";
    }

private:
    void put(const CLI::Option* option, const std::vector<std::string>& values, const std::string& origin) {
        if (!taken_.insert(option).second) return;
        const std::string name = "--" + long_name(*option);
        for (const std::string& value : values)
            if (!value.empty()) words_.push_back(name + "=" + value);
        origins_[name] = origin;
    }

    static void check_section(const ConfigEntry& entry, const std::string& path) {
        std::vector<std::string> names;
        for (const Command& command : commands()) names.emplace_back(command.name);
        if (std::find(names.begin(), names.end(), entry.section) != names.end()) return;
        throw UsageError(concat(path, ", line ", entry.line, ": there is no command '", entry.section, "' for section [", entry.section,
                                "]", did_you_mean(entry.section, names)));
    }

    std::string suggestion(const std::string& name) const {
        std::vector<std::string> names;
        for (const CLI::Option* option : options_.cli().get_options())
            if (is_configurable(*option)) names.push_back(long_name(*option));
        return did_you_mean(name, names);
    }

    const Options& options_;
    std::set<const CLI::Option*> taken_;
    std::vector<std::string> words_;
    std::map<std::string, std::string> origins_;
};

std::string config_path(const std::vector<std::string>& words) {
    for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
        if (words[i].starts_with("--config=")) return words[i].substr(9);
        if (words[i] == "--config" && i + 1 < words.size()) return words[i + 1];
    }
    const char* variable = std::getenv("PURNET_CONFIG");
    return variable ? variable : "";
}

std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

}  // namespace

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }
bool takes_list(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

void CommonOptions::add(Options& options) {
    options.group("Everywhere");
    options.flag("-q,--quiet", quiet, "say nothing but warnings and errors");
    options.value("--threads", threads, "N", "threads to compute with; 0: all cores")->check(in_range(0, 1024));
    options.value("--device", device, "NAME", "auto (a CUDA device, else the CPU), cpu, cuda, or cuda:N")
        ->check(CLI::Validator([](std::string& name) { return is_device_name(name) ? "" : "use auto, cpu, cuda or cuda:N"; }, ""));
    options.value("--color", color, "WHEN", "colour in messages")->check(one_of({"auto", "always", "never"}));
    options.value("--progress", progress, "STYLE", "how progress is shown; auto: a bar on terminals, else lines now and then")
        ->check(one_of({"auto", "bar", "plain", "none"}));
    options.value("--config", config, "FILE", "read options from a file of `key = value` lines; option > environment > file");
    options.flag("--print-config", print_config, "print the values in effect as such a file, and stop");
}

void CommonOptions::apply() const {
    console().quiet = quiet;
    console().colour = color == "always" ? Choice::always : color == "never" ? Choice::never : Choice::automatic;
    console().progress = progress == "bar"     ? ProgressStyle::bar
                         : progress == "plain" ? ProgressStyle::plain
                         : progress == "none"  ? ProgressStyle::none
                                               : ProgressStyle::automatic;
    if (threads > 0) set_thread_count(threads);
    wish_device(device);
}

std::string long_name(const CLI::Option& option) { return option.get_lnames().empty() ? "" : option.get_lnames().front(); }

std::string environment_name(const CLI::Option& option) {
    std::string name = "PURNET_" + long_name(option);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::toupper(c)); });
    return name;
}

void parse(Options& options, const std::vector<std::string>& words, bool tolerate_missing) {
    Substitutes substitutes(options, named_options(options, words));
    substitutes.from_environment();
    if (const std::string path = config_path(words); !path.empty()) substitutes.from_file(path);

    std::vector<std::string> all = substitutes.words();
    all.insert(all.end(), words.begin(), words.end());
    for (std::string& word : all) {
        const size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
        const CLI::Option* option = options.cli().get_option_no_throw(word.substr(0, equals));
        if (equals == std::string::npos)
            word = literal(word);
        else if (option && takes_list(*option))
            word = word.substr(0, equals + 1) + literal(word.substr(equals + 1));
    }
    std::reverse(all.begin(), all.end());  // as CLI11 takes them
    const std::string command = options.cli().get_name();
    try {
        options.cli().parse(std::move(all));
    } catch (const CLI::RequiredError& error) {
        if (!tolerate_missing)
            throw UsageError("'" + command + "': " + one_line(error.what()) + " (purnet " + command + " --help tells more)");
    } catch (const CLI::ExtrasError&) {
        throw UsageError("'" + command + "' takes no further words: '" + options.cli().remaining().front() + "'");
    } catch (const CLI::ParseError& error) {
        const std::string text = one_line(error.what());
        throw UsageError("'" + command + "': " + text + substitutes.origin_of(text));
    }
    options.settle();
}

std::string config_text(const Options& options) {
    std::string out = "[" + options.cli().get_name() + "]\n";
    for (const CLI::Option* option : options.cli().get_options()) {
        if (!is_configurable(*option)) continue;
        std::string value;
        if (option->count() > 0) {
            for (const std::string& result : option->results()) value += (value.empty() ? "" : ", ") + config_value(result);
            if (takes_list(*option)) value = "[" + value + "]";
        } else if (!option->get_default_str().empty() && option->get_default_str() != "[]") {
            value = takes_list(*option) ? option->get_default_str() : config_value(option->get_default_str());
        }
        out += "\n# " + option->get_description() + "\n";
        out += (value.empty() ? "# " : "") + long_name(*option) + " = " + value + "\n";
    }
    return out;
}

}  // namespace purnet::app
