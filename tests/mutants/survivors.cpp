#include "tests/mutants/survivors.h"

#include <fstream>
#include <sstream>

#include "kernels/runtime/error.h"

namespace purnet::mutants {
namespace {

std::string trimmed(const std::string& text) {
    const size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
    return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::string place_text(const Place& place) {
    return place.file + (place.occurrence > 1 ? " #" + std::to_string(place.occurrence) : "") + ": " + place.text;
}
std::string change_text(const Place& place, const std::string& change) {
    return place.kind + (place.ordinal ? " " + std::to_string(place.ordinal) : "") + " " + change;
}

}  // namespace

std::vector<Reason> read_reasons(const std::string& path) {
    std::ifstream in(path);
    require(in.good(), "cannot read ", path);
    std::vector<Reason> reasons;
    std::vector<std::string> block;
    int number = 0, begin = 0;
    const auto end_block = [&] {
        if (block.empty()) return;
        require(block.size() >= 3, path, ":", begin, ": a place, its changes and a reason are wanted");
        Reason reason;
        reason.place = block[0];
        reason.line = begin;
        for (size_t i = 2; i < block.size(); ++i) reason.text += (i > 2 ? " " : "") + block[i];
        reason.equivalent = reason.text.rfind("equivalent: ", 0) == 0;
        require(reason.equivalent || reason.text.rfind("unseen: ", 0) == 0, path, ":", begin,
                ": a reason begins with `equivalent:` or `unseen:`");
        std::istringstream changes(block[1]);
        for (std::string change; std::getline(changes, change, ';');) {
            reason.change = trimmed(change);
            reasons.push_back(reason);
        }
        block.clear();
    };
    for (std::string line; std::getline(in, line);) {
        ++number;
        if (line.rfind("#", 0) == 0) continue;
        line = trimmed(line);
        if (line.empty()) {
            end_block();
            continue;
        }
        if (block.empty()) begin = number;
        block.push_back(line);
    }
    end_block();
    return reasons;
}

Reason* reason_for(std::vector<Reason>& reasons, const Place& place, const std::string& change) {
    for (Reason& reason : reasons)
        if (reason.place == place_text(place) && reason.change == change_text(place, change)) {
            reason.used = true;
            return &reason;
        }
    return nullptr;
}

std::string block_for(const Place& place, const std::string& change) { return place_text(place) + "\n    " + change_text(place, change); }

}  // namespace purnet::mutants
