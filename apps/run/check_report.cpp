#include "apps/run/check_report.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "core/formats/byte_source.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

// For one and for many.
constexpr std::array<std::pair<const char*, const char*>, fault_count> headings{{
    {"source can't be read", "sources can't be read"},
    {"picture has no mask", "pictures have no mask"},
    {"mask has no picture", "masks have no picture"},
    {"picture can't be read", "pictures can't be read"},
    {"mask can't be read", "masks can't be read"},
    {"file of region labels can't be read", "files of region labels can't be read"},
    {"pair differs in size", "pairs differ in size"},
    {"mask is all but black", "masks are all but black"},
    {"picture is in more than one split", "pictures are in more than one split"},
    {"mask is empty", "masks are empty"},
    {"mask is full", "masks are full"},
    {"mask is grey", "masks are grey"},
    {"mask has colours", "masks have colours"},
    {"mask lies unused beside the PNG of its name", "masks lie unused beside the PNG of their name"},
    {"picture is there more than once", "pictures are there more than once"},
    {"group of near-duplicates", "groups of near-duplicates"},
}};

// Names from files reach a terminal: control bytes would be obeyed there.
std::string clean(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 32 || c == 127) c = '?';
    return text;
}

std::string line_of(const CheckResult& result, const Finding& finding) {
    constexpr size_t most = 6;
    const bool splits_differ = finding.fault == Fault::leak;
    // the message of a file that can't be read begins with its name
    if (!finding.detail.empty() && finding.detail.starts_with(finding.places[0].file)) return clean(finding.detail);
    std::string line;
    for (size_t i = 0; i < std::min(most, finding.places.size()); ++i) {
        const Place& place = finding.places[i];
        line += (i ? " = " : "") + (splits_differ ? result.splits[place.split].name + " " : "") + place.file;
    }
    if (finding.places.size() > most) line += concat(" and ", finding.places.size() - most, " more");
    if (!finding.detail.empty()) line += " (" + finding.detail + ")";
    return clean(line);
}

std::string counted(size_t count, const char* noun) {
    return concat(count ? std::to_string(count) : "no", " ", noun, count == 1 ? "" : "s");
}

}  // namespace

std::string text_of(const CheckResult& result, size_t shown) {
    std::ostringstream out;
    size_t pairs = 0;
    for (const CheckResult::Opened& split : result.splits) {
        pairs += split.pairs;
        out << split.name << ": " << counted(split.pairs, "pair") << '\n';
        std::istringstream lines(split.described);
        for (std::string line; std::getline(lines, line);) out << "  " << clean(line) << '\n';
    }
    for (int kind = 0; kind < fault_count; ++kind) {
        const auto fault = static_cast<Fault>(kind);
        const size_t count = result.count(fault);
        if (count == 0) continue;
        const auto& [one, many] = headings[static_cast<size_t>(kind)];
        out << '\n'
            << (is_error(fault) ? "error: " : "warning: ") << count << ' ' << (count == 1 ? one : many) << " [" << name_of(fault) << "]\n";
        size_t written = 0;
        for (const Finding& finding : result.findings)
            if (finding.fault == fault && written < shown) {
                out << "  " << line_of(result, finding) << '\n';
                ++written;
            }
        if (count > written) out << "  and " << count - written << " more\n";
    }
    out << '\n'
        << counted(result.errors(), "error") << ", " << counted(result.warnings(), "warning") << " in " << counted(pairs, "pair") << '\n';
    return out.str();
}

nlohmann::ordered_json json_of(const CheckResult& result, const std::vector<Split>& splits) {
    using Json = nlohmann::ordered_json;
    Json json{{"schema", "purnet-check"}, {"version", 1}, {"errors", result.errors()}, {"warnings", result.warnings()}};
    for (size_t i = 0; i < result.splits.size(); ++i) {
        Json found = Json::array();
        std::istringstream lines(result.splits[i].described);
        for (std::string line; std::getline(lines, line);) found.push_back(line);
        json["splits"].push_back(
            {{"name", result.splits[i].name}, {"pairs", result.splits[i].pairs}, {"sources", splits.at(i).sources}, {"found", found}});
    }
    json["counts"] = Json::object();
    for (int kind = 0; kind < fault_count; ++kind)
        if (const size_t count = result.count(static_cast<Fault>(kind))) json["counts"][name_of(static_cast<Fault>(kind))] = count;
    json["findings"] = Json::array();
    for (const Finding& finding : result.findings) {
        Json files = Json::array();
        for (const Place& place : finding.places) files.push_back({{"split", result.splits[place.split].name}, {"file", place.file}});
        json["findings"].push_back({{"fault", name_of(finding.fault)},
                                    {"severity", is_error(finding.fault) ? "error" : "warning"},
                                    {"files", files},
                                    {"detail", finding.detail}});
    }
    return json;
}

}  // namespace purnet
