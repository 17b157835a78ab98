#include "apps/run/config_file.h"

#include <cctype>
#include <fstream>
#include <sstream>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr size_t max_size = 1 << 20;

bool is_key_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; }
bool is_bare_letter(char c) { return is_key_letter(c) || c == '.' || c == '+' || c == '/' || c == ':' || c == '~' || c == '%' || c == '@'; }

class Parser {
public:
    Parser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

    std::vector<ConfigEntry> parse() {
        std::vector<ConfigEntry> entries;
        std::string section;
        for (skip_blank_lines(); at_ < text_.size(); skip_blank_lines()) {
            if (text_[at_] == '[') {
                ++at_;
                skip_spaces();
                section = word("a section's name");
                skip_spaces();
                expect(']');
            } else {
                ConfigEntry entry;
                entry.section = section;
                entry.line = line_;
                entry.key = word("a key");
                skip_spaces();
                expect('=');
                skip_spaces();
                read_values(entry);
                entries.push_back(std::move(entry));
            }
            end_of_line();
        }
        return entries;
    }

private:
    [[noreturn]] void refuse(const std::string& what) const { fail(name_, ", line ", line_, ": ", what); }

    bool at(char c) const { return at_ < text_.size() && text_[at_] == c; }

    void expect(char c) {
        if (!at(c)) refuse(std::string("'") + c + "' is missing");
        ++at_;
    }

    void skip_spaces() {
        while (at(' ') || at('\t') || at('\r')) ++at_;
    }

    void skip_comment() {
        if (at('#'))
            while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    }

    void skip_blank_lines() {
        for (;;) {
            skip_spaces();
            skip_comment();
            if (!at('\n')) return;
            ++at_;
            ++line_;
        }
    }

    void end_of_line() {
        skip_spaces();
        skip_comment();
        if (at_ < text_.size() && text_[at_] != '\n')
            refuse(std::string("unexpected '") + text_[at_] + "' (strings with blanks need quotes)");
    }

    std::string word(const char* what) {
        const size_t begin = at_;
        while (at_ < text_.size() && is_key_letter(text_[at_])) ++at_;
        if (at_ == begin) refuse(std::string(what) + " is missing");
        return std::string(text_.substr(begin, at_ - begin));
    }

    void read_values(ConfigEntry& entry) {
        if (!at('[')) {
            entry.values.push_back(value());
            return;
        }
        ++at_;
        entry.list = true;
        for (skip_blank_lines(); !at(']'); skip_blank_lines()) {
            entry.values.push_back(value());
            skip_blank_lines();
            if (!at(',')) break;
            ++at_;
        }
        if (!at(']')) refuse("the list of '" + entry.key + "' lacks ',' or ']'");
        ++at_;
    }

    std::string value() {
        if (at('"')) return quoted();
        if (at('\'')) return verbatim();
        const size_t begin = at_;
        while (at_ < text_.size() && is_bare_letter(text_[at_])) ++at_;
        if (at_ == begin) refuse("a value is missing");
        return std::string(text_.substr(begin, at_ - begin));
    }

    std::string verbatim() {
        const size_t begin = ++at_;
        while (at_ < text_.size() && text_[at_] != '\'' && text_[at_] != '\n') ++at_;
        if (!at('\'')) refuse("the closing ' is missing");
        return std::string(text_.substr(begin, at_++ - begin));
    }

    std::string quoted() {
        std::string out;
        for (++at_; at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n'; ++at_) {
            if (text_[at_] != '\\') {
                out += text_[at_];
                continue;
            }
            ++at_;
            const char c = at_ < text_.size() ? text_[at_] : '\n';
            if (c == 'n')
                out += '\n';
            else if (c == 't')
                out += '\t';
            else if (c == '"' || c == '\\')
                out += c;
            else
                refuse("only \\\" \\\\ \\n \\t are known in a string");
        }
        if (!at('"')) refuse("the closing \" is missing");
        ++at_;
        return out;
    }

    std::string_view text_;
    const std::string& name_;
    size_t at_ = 0;
    int line_ = 1;
};

}  // namespace

std::vector<ConfigEntry> parse_config(std::string_view text, const std::string& name) { return Parser(text, name).parse(); }

std::vector<ConfigEntry> read_config(const std::filesystem::path& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    require(!error, path.string(), ": the configuration file cannot be read (", error.message(), ")");
    require(size <= max_size, path.string(), ": a configuration file of ", size, " bytes is too large");
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    require(file.good(), path.string(), ": the configuration file cannot be read");
    return parse_config(text.str(), path.string());
}

std::string config_value(std::string_view value) {
    bool bare = !value.empty();
    for (const char c : value) bare = bare && is_bare_letter(c);
    if (bare) return std::string(value);
    std::string out = "\"";
    for (const char c : value) {
        if (c == '\n')
            out += "\\n";
        else if (c == '\t')
            out += "\\t";
        else {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
    }
    return out + '"';
}

}  // namespace purnet
