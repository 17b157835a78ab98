// A strict look at XML and at the HTML that our programs write: every element closed in order, attributes quoted, & and < escaped.
#pragma once

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

namespace purnet::test {

// "" when well formed, else what is wrong and where.
inline std::string markup_error(const std::string& text) {
    static const std::vector<std::string> empty_elements{"meta", "img", "br", "!doctype"};
    std::vector<std::string> open;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '&') {
            const size_t end = text.find(';', i);
            if (end == std::string::npos || end - i > 8) return "bare & at " + std::to_string(i);
        }
        if (text[i] == '>') return "bare > at " + std::to_string(i);
        if (text[i] != '<') continue;
        size_t at = i + 1;
        const bool closing = at < text.size() && text[at] == '/';
        at += closing;
        std::string name;
        while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '!')) name += text[at++];
        bool quoted = false;
        while (at < text.size() && (quoted || text[at] != '>')) {
            if (text[at] == '"') quoted = !quoted;
            if (text[at] == '<') return "'<' inside <" + name;
            ++at;
        }
        if (at == text.size() || name.empty()) return "unfinished element at " + std::to_string(i);
        const bool alone = text[at - 1] == '/' || std::find(empty_elements.begin(), empty_elements.end(), name) != empty_elements.end();
        if (closing) {
            if (open.empty() || open.back() != name) return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
            open.pop_back();
        } else if (!alone) {
            open.push_back(name);
            if (name == "style") at = text.find("</style", at) - 1;  // its text has rules of its own
        }
        i = at;
    }
    return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

}  // namespace purnet::test
