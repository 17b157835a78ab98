// make mutants (docs/emulator.md): mutants FOLDER SURVIVORS [--keep] [--only FILE] [--kind KIND] [--units NAME] [--jobs N] [--seconds S]
//
// FOLDER holds places.txt (scripts/number_comparisons.awk) and gets units.txt and results.txt, a line for each unit and each mutant as it
// is known: a run that was broken off goes on from there. A program that was built anew begins anew. --keep: the caught ones are kept in
// any case, and the others are asked about again, after a case was added or with more --seconds.
// --only: the places of files whose names begin so. --kind: those of one kind, as the table names it. --units: the units whose names begin
// so, records of one op. --jobs: processes at a time. --seconds: of units for one mutant.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"
#include "tests/mutants/runner.h"
#include "tests/mutants/survivors.h"

namespace purnet::mutants {
namespace {

struct Wishes {
    std::string folder, survivors, only, kind, units;
    bool keep = false;
    Limits limits;
};

Wishes read_wishes(int argc, char** argv) {
    require(argc >= 3, "mutants FOLDER SURVIVORS [--keep] [--only FILE] [--kind KIND] [--units NAME] [--jobs N] [--seconds S]");
    Wishes wishes;
    wishes.folder = argv[1];
    wishes.survivors = argv[2];
    for (int i = 3; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--keep") {
            wishes.keep = true;
            continue;
        }
        require(i + 1 < argc, word, ": a value is wanted");
        const char* value = argv[++i];
        if (word == "--only")
            wishes.only = value;
        else if (word == "--kind")
            wishes.kind = value;
        else if (word == "--units")
            wishes.units = value;
        else if (word == "--jobs")
            wishes.limits.jobs = std::max(1, std::atoi(value));
        else if (word == "--seconds")
            wishes.limits.seconds_a_mutant = std::atof(value);
        else
            fail("what is ", word, "?");
    }
    return wishes;
}

std::vector<std::string> test_case_names() {
    std::ostringstream out;
    const char* const wish[] = {"mutants", "--list-test-cases", "--no-version"};
    doctest::Context context(3, wish);
    context.setCout(&out);
    context.run();
    std::vector<std::string> names;
    std::istringstream lines(out.str());
    for (std::string line; std::getline(lines, line);)
        if (line.rfind("[doctest]", 0) != 0 && line.rfind("===", 0) != 0 && !line.empty()) names.push_back(line);
    return names;
}

std::vector<Unit> wanted_units(const std::string& prefix) {
    std::vector<Unit> all = record_units();
    for (Unit& unit : test_units(test_case_names())) all.push_back(std::move(unit));
    std::erase_if(all, [&](const Unit& unit) { return unit.name.rfind(prefix, 0) != 0; });
    return all;
}

std::string own_checksum() {
    std::ifstream in("/proc/self/exe", std::ios::binary);
    uint64_t sum = 0xcbf29ce484222325u;
    for (std::istreambuf_iterator<char> at(in), end; at != end; ++at) sum = (sum ^ static_cast<unsigned char>(*at)) * 0x100000001b3u;
    return std::to_string(sum);
}

// results.txt: the program's checksum, then name, verdict, how, unit, separated by tabs.
class Results {
public:
    Results(const std::string& path, const std::string& checksum, bool keep) {
        std::ifstream in(path);
        std::string line;
        const bool same = std::getline(in, line) && line == checksum;
        while ((same || keep) && std::getline(in, line)) {
            std::istringstream fields(line);
            std::string name, what;
            Verdict verdict;
            for (std::string* field : {&name, &what, &verdict.how, &verdict.unit}) std::getline(fields, *field, '\t');
            verdict.caught = what == "caught";
            if (verdict.caught || (same && !keep)) known_[name] = verdict;
        }
        in.close();
        out_.open(path);
        out_ << checksum << "\n";
        for (const auto& [name, verdict] : known_) write(name, verdict);
        out_.flush();
    }
    const Verdict* find(const std::string& name) const {
        const auto at = known_.find(name);
        return at == known_.end() ? nullptr : &at->second;
    }
    // `whole`: all units had their turn; else one that lives is asked again another time.
    void add(const std::string& name, const Verdict& verdict, bool whole) {
        known_[name] = verdict;
        if (verdict.caught || whole) write(name, verdict);
        out_.flush();
    }

private:
    void write(const std::string& name, const Verdict& v) {
        out_ << name << "\t" << (v.caught ? "caught" : "lives") << "\t" << v.how << "\t" << v.unit << "\n";
    }
    std::map<std::string, Verdict> known_;
    std::ofstream out_;
};

struct Row {
    std::set<int> places;
    int mutants = 0, caught = 0, equivalent = 0, unseen = 0, without_reason = 0;
};

void print_row(const std::string& kind, const Row& r) {
    const int defects = r.mutants - r.equivalent;
    const auto share = [&](int all) { return all ? 100.0 * r.caught / all : 100.0; };
    std::printf("| %s | %zu | %d | %d | %d | %d | %d | %.1f %% | %.1f %% |\n", kind.c_str(), r.places.size(), r.mutants, r.caught,
                r.equivalent, r.unseen, r.without_reason, share(r.mutants), share(defects));
}

// The tables, and the survivors that have no reason. Returns the exit status.
int report(const Wishes& wishes, const std::vector<int>& wanted, const Results& results) {
    std::vector<Reason> reasons = read_reasons(wishes.survivors);
    std::map<std::string, Row> rows;
    std::map<std::string, int> ways;
    Row total;
    std::string open;
    bool stale = false;
    const auto count = [&](int place_number, const Place& place, const std::string& change, const Verdict& verdict) {
        const Reason* reason = reason_for(reasons, place, change);
        for (Row* row : {&rows[place.kind], &total}) {
            row->places.insert(place_number);
            ++row->mutants;
            if (verdict.caught)
                ++row->caught;
            else if (!reason)
                ++row->without_reason;
            else
                ++(reason->equivalent ? row->equivalent : row->unseen);
        }
        if (verdict.caught) ++ways[verdict.how];
        if (verdict.caught && reason) {
            std::cout << wishes.survivors << ":" << reason->line << ": stale, is caught now (" << verdict.unit
                      << "): " << block_for(place, change) << "\n";
            stale = true;
        }
        if (!verdict.caught && !reason)
            open += "# line " + std::to_string(place.line) + ", " + verdict.how + "\n" + block_for(place, change) + "\n\n";
    };
    for (const int m : wanted) {
        const Mutant& mutant = mutants()[static_cast<size_t>(m)];
        count(mutant.place, places()[static_cast<size_t>(mutant.place)], mutant.change, *results.find(name_of(mutant)));
    }
    int unreached = static_cast<int>(places().size());
    for (Place place : never_reached()) {
        if (place.file.rfind(wishes.only, 0) != 0 || !wishes.kind.empty() || !wishes.units.empty()) continue;
        if (place.kind.empty()) place.kind = "call";
        count(unreached++, place, "never reached", {false, "no unit reaches it", ""});
    }
    int status = stale;
    for (const Reason& reason : reasons)
        if (!reason.used && wishes.only.empty() && wishes.kind.empty() && wishes.units.empty()) {
            std::cout << wishes.survivors << ":" << reason.line << ": stale, there is no such mutant: " << reason.place << ", "
                      << reason.change << "\n";
            status = 1;
        }
    // Of the defects: an equivalent mutant is none, whatever else lives counts as one.
    std::printf(
        "\n| kind | places | mutants | caught | equivalent | unseen | without a reason | caught of all | caught of the defects |\n");
    std::printf("|---|---|---|---|---|---|---|---|---|\n");
    for (const auto& [kind, row] : rows) print_row(kind, row);
    print_row("all", total);
    std::printf("\ncaught as:");
    for (const auto& [how, times] : ways) std::printf(" %s %d;", how.c_str(), times);
    std::printf("\n");
    std::ofstream(wishes.folder + "/survivors.txt") << open;
    if (total.without_reason) {
        std::cout << "\nSurvivors without a reason (" << wishes.folder << "/survivors.txt):\n\n" << open;
        status = 1;
    }
    if (100 * total.caught <= 95 * (total.mutants - total.equivalent)) {
        std::cout << "at most 95 % of the defects are caught\n";
        status = 1;
    }
    return status;
}

int run(int argc, char** argv) {
    const Wishes wishes = read_wishes(argc, argv);
    set_thread_count(1);  // a process that has threads can't be copied
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (nice(10) == -1) std::cout << "not nice\n";
    read_places(wishes.folder + "/places.txt");
    const std::string checksum = own_checksum();
    const std::vector<Unit> units = measured(wanted_units(wishes.units), wishes.folder + "/units.txt", checksum, wishes.limits.jobs);
    double seconds = 0;
    for (const Unit& unit : units) seconds += unit.seconds;
    std::cout << units.size() << " units, " << static_cast<int>(seconds) << " s; " << mutants().size() << " mutants\n";
    Results results(wishes.folder + "/results.txt", checksum, wishes.keep);
    std::vector<int> wanted, left;
    for (int m = 0; m < static_cast<int>(mutants().size()); ++m) {
        const Mutant& mutant = mutants()[static_cast<size_t>(m)];
        const Place& place = places()[static_cast<size_t>(mutant.place)];
        if (place.file.rfind("kernels/", 0) != 0) continue;  // the emulator's own kernels are no product
        if (place.file.rfind(wishes.only, 0) != 0 || (!wishes.kind.empty() && place.kind != wishes.kind)) continue;
        wanted.push_back(m);
        if (!results.find(name_of(mutant))) left.push_back(m);
    }
    size_t done = 0;
    run_all(left, units, wishes.limits, [&](int m, const Verdict& verdict) {
        const std::string name = name_of(mutants()[static_cast<size_t>(m)]);
        results.add(name, verdict, wishes.units.empty());
        ++done;
        if (!verdict.caught) std::cout << done << "/" << left.size() << " lives: " << name << ", " << verdict.how << "\n";
        if (done % 100 == 0) std::cout << done << "/" << left.size() << "\n";
    });
    return report(wishes, wanted, results);
}

}  // namespace
}  // namespace purnet::mutants

int main(int argc, char** argv) {
    setenv("PURNET_MEMORY_DEBUG", "exact", 1);  // exact-size blocks, before the first one is made
    setenv("PURNET_LIBRARIES", "none", 1);      // those of this machine would take our memory for a device's
    try {
        return purnet::mutants::run(argc, argv);
    } catch (const purnet::Error& e) {
        std::cerr << e.what() << "\n";
        return 2;
    }
}
