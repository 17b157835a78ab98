#include "tests/mutants/places.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <tuple>
#include <unordered_map>

#include "kernels/runtime/error.h"
#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/mutants.h"
#include "tests/mutants/compared.h"

namespace purnet::mutants {
namespace {

struct Numbered {
    int place = -1;
    int changes[3] = {-1, -1, -1};  // always, never, edge: mutants, once known
    bool by_host = false;
};

// A call of chosen(): literals have one address in each object file.
struct Call {
    const char* change;
    const char* file;
    int line;
    bool operator==(const Call&) const = default;
};
struct CallHash {
    size_t operator()(const Call& c) const {
        return (reinterpret_cast<size_t>(c.change) * 31 + reinterpret_cast<size_t>(c.file)) * 31 + static_cast<size_t>(c.line);
    }
};

struct State {
    std::vector<Place> places;
    std::vector<Mutant> mutants;
    std::map<int, int> number_of_place;
    std::vector<Numbered> numbered;                                         // by number
    std::map<std::pair<std::string, int>, Place> calls;                     // by file and line
    std::map<std::tuple<std::string, std::string, int>, int> block_places;  // by kind, file, line
    std::map<std::pair<int, std::string>, int> by_place;                    // place, change -> mutant
    std::unordered_map<Call, int, CallHash> of_call;
    bool surveying = false;
    std::vector<char> passed;
    int active = -1, active_number = -1;
    emulator::mutants::Change active_change{};
};
State& state() {
    static auto* one = new State;
    return *one;
}

int mutant_of(int place, const std::string& change) {
    State& s = state();
    const auto [at, fresh] = s.by_place.try_emplace({place, change}, static_cast<int>(s.mutants.size()));
    if (fresh) s.mutants.push_back({place, change});
    return at->second;
}

void pass(int mutant) {
    State& s = state();
    if (!s.surveying) return;
    if (s.passed.size() <= static_cast<size_t>(mutant)) s.passed.resize(static_cast<size_t>(mutant) + 1);
    s.passed[static_cast<size_t>(mutant)] = 1;
}

int block_mutant(const std::string& kind, const std::string& change, const std::string& file, int line) {
    State& s = state();
    const auto [at, fresh] = s.block_places.try_emplace({kind, file, line}, static_cast<int>(s.places.size()));
    if (fresh) {
        Place place;
        const auto known = s.calls.find({file, line});
        if (known != s.calls.end()) place = known->second;
        place.kind = kind;
        place.file = file;
        place.line = line;
        s.places.push_back(place);
    }
    return mutant_of(at->second, change);
}

constexpr const char* change_names[] = {"always true", "never true", "off by one"};

int comparison_mutant(int number, int change) {
    Numbered& n = state().numbered.at(static_cast<size_t>(number));
    int& mutant = n.changes[change];
    if (mutant < 0) mutant = mutant_of(n.place, change_names[change]);
    return mutant;
}

std::string without_blanks(std::string text, char from, char to) {
    std::replace(text.begin(), text.end(), from, to);
    return text;
}

}  // namespace

// Comparisons: number:change. Building blocks: kind:file:line:change with _ for blanks.
std::string key_of(int mutant) {
    const State& s = state();
    const Mutant& m = s.mutants[static_cast<size_t>(mutant)];
    const Place& place = s.places[static_cast<size_t>(m.place)];
    if (place.ordinal)
        for (int c = 0; c < 3; ++c)
            if (m.change == change_names[c]) return concat(s.number_of_place.at(m.place), ":", c);
    return concat(place.kind, ":", place.file, ":", place.line, ":", without_blanks(m.change, ' ', '_'));
}

int mutant_of_key(const std::string& key) {
    std::istringstream fields(key);
    std::string kind, file, line, change;
    std::getline(fields, kind, ':');
    std::getline(fields, file, ':');
    if (kind[0] >= '0' && kind[0] <= '9') return comparison_mutant(std::stoi(kind), std::stoi(file));
    std::getline(fields, line, ':');
    std::getline(fields, change, ':');
    return block_mutant(kind, without_blanks(change, '_', ' '), file, std::stoi(line));
}

std::vector<int> compared_by_host() {
    std::vector<int> numbers;
    for (size_t i = 0; i < state().numbered.size(); ++i)
        if (state().numbered[i].by_host) numbers.push_back(static_cast<int>(i));
    return numbers;
}

void host_compares(int number) { state().numbered.at(static_cast<size_t>(number)).by_host = true; }

std::string Place::name() const { return file + ":" + std::to_string(line) + " " + kind + (ordinal ? " " + std::to_string(ordinal) : ""); }

const std::vector<Place>& places() { return state().places; }
const std::vector<Mutant>& mutants() { return state().mutants; }
std::string name_of(const Mutant& mutant) { return places()[static_cast<size_t>(mutant.place)].name() + " " + mutant.change; }

void read_places(const std::string& path) {
    std::ifstream in(path);
    require(in.good(), "cannot read ", path);
    State& s = state();
    std::map<std::pair<std::string, std::string>, std::vector<int>> lines;  // of a text in a file
    for (std::string line; std::getline(in, line);) {
        std::istringstream fields(line);
        std::string what, number, place_line, ordinal;
        Place place;
        for (std::string* field : {&what, &number, &place.file, &place_line, &ordinal}) std::getline(fields, *field, '\t');
        std::getline(fields, place.text);
        place.line = std::stoi(place_line);
        auto& seen = lines[{place.file, place.text}];
        if (seen.empty() || seen.back() != place.line) seen.push_back(place.line);
        place.occurrence = static_cast<int>(seen.size());
        if (what == "call") {
            s.calls[{place.file, place.line}] = place;
            continue;
        }
        place.kind = "comparison";
        place.ordinal = std::stoi(ordinal);
        const auto index = static_cast<size_t>(std::stoi(number));
        if (s.numbered.size() <= index) s.numbered.resize(index + 1);
        s.numbered[index].place = static_cast<int>(s.places.size());
        s.number_of_place[static_cast<int>(s.places.size())] = static_cast<int>(index);
        s.places.push_back(place);
    }
}

void begin_survey() {
    state().surveying = true;
    state().passed.clear();
}

std::vector<int> reached() {
    State& s = state();
    std::vector<int> list;
    for (size_t i = 0; i < s.passed.size(); ++i)
        if (s.passed[i]) list.push_back(static_cast<int>(i));
    s.surveying = false;
    return list;
}

void choose(int mutant) {
    State& s = state();
    s.active = mutant;
    for (size_t number = 0; number < s.numbered.size(); ++number)
        for (int c = 0; c < 3; ++c)
            if (s.numbered[number].changes[c] == mutant) {
                s.active_number = static_cast<int>(number);
                s.active_change = static_cast<emulator::mutants::Change>(c + 1);
            }
}

std::vector<Place> never_reached() {
    State& s = state();
    std::vector<Place> list;
    for (const Numbered& n : s.numbered)
        if (n.place >= 0 && n.changes[0] < 0 && !n.by_host) list.push_back(s.places[static_cast<size_t>(n.place)]);
    for (const auto& [at, call] : s.calls) {
        bool known = false;
        for (const auto& [key, place] : s.block_places) known = known || (std::get<1>(key) == at.first && std::get<2>(key) == at.second);
        if (!known) list.push_back(call);
    }
    return list;
}

}  // namespace purnet::mutants

namespace purnet::emulator::mutants {

using purnet::mutants::state;

bool chosen(const char* kind, const char* change, Site site) {
    auto& s = state();
    const auto [at, fresh] = s.of_call.try_emplace({change, site.file, site.line}, 0);
    if (fresh) at->second = purnet::mutants::block_mutant(kind, change, site.file, site.line);
    purnet::mutants::pass(at->second);
    return at->second == s.active;
}

Change compared(int number, bool ordered) {
    auto& s = state();
    if (!s.surveying) return number == s.active_number && current ? s.active_change : Change::none;
    auto& n = s.numbered[static_cast<size_t>(number)];
    if (!current) {
        n.by_host = true;
        return Change::none;
    }
    for (int c = 0; c < (ordered ? 3 : 2); ++c) purnet::mutants::pass(purnet::mutants::comparison_mutant(number, c));
    return Change::none;
}

}  // namespace purnet::emulator::mutants
