#include "tests/mutants/runner.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <sstream>

#include "kernels/runtime/error.h"
#include "tests/emulator/engine/fault.h"
#include "tests/mutants/places.h"

namespace purnet::mutants {
namespace {

constexpr size_t memory_beyond = size_t{2} << 30;  // bytes a mutant may ask for

double processor_seconds() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// The process ends by SIGPROF after so many seconds of its own: a machine that is busy with something else is no endless loop.
void limit_time(double seconds) {
    itimerval timer{};
    timer.it_value.tv_sec = static_cast<time_t>(seconds);
    timer.it_value.tv_usec = static_cast<suseconds_t>(1e6 * (seconds - static_cast<double>(timer.it_value.tv_sec)));
    setitimer(ITIMER_PROF, &timer, nullptr);
}

void limit_memory() {
    size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit memory{pages * static_cast<size_t>(sysconf(_SC_PAGESIZE)) + memory_beyond, RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &memory);
    const rlimit core{0, 0};
    setrlimit(RLIMIT_CORE, &core);
}

std::string name_of_failure(const std::string& text) {
    for (int kind = 0; kind <= static_cast<int>(emulator::FaultKind::unsupported); ++kind) {
        const std::string name = emulator::name_of(static_cast<emulator::FaultKind>(kind));
        if (text.find(name + ": ") != std::string::npos) return name;
    }
    return text.find("two runs differ") != std::string::npos ? "two runs differ" : "wrong result";
}

// The cheapest of each group, then the second of each: kernels differ more between groups than within.
std::vector<const Unit*> in_turn(int mutant, const std::vector<Unit>& units, double seconds) {
    std::map<std::string, std::vector<const Unit*>> groups;
    for (const Unit& unit : units)
        if (std::binary_search(unit.reaches.begin(), unit.reaches.end(), mutant)) groups[unit.group].push_back(&unit);
    std::vector<std::pair<size_t, const Unit*>> ranked;
    for (auto& [name, list] : groups) {
        std::sort(list.begin(), list.end(), [](const Unit* a, const Unit* b) { return a->seconds < b->seconds; });
        for (size_t i = 0; i < list.size(); ++i) ranked.push_back({i, list[i]});
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first < b.first : a.second->seconds < b.second->seconds;
    });
    std::vector<const Unit*> order;
    for (const auto& [rank, unit] : ranked) {
        if (!order.empty() && seconds < unit->seconds) continue;
        seconds -= unit->seconds;
        order.push_back(unit);
    }
    return order;
}

[[noreturn]] void live_as(int mutant, const std::vector<const Unit*>& order, int to) {
    limit_memory();
    choose(mutant);
    std::string report;
    for (const Unit* unit : order) {
        // Named beforehand: what ends the process leaves no time to.
        report = unit->name + "\n";
        if (write(to, report.data(), report.size()) < 0) _exit(2);
        limit_time(2 + 20 * unit->seconds);
        std::string failure;
        try {
            failure = unit->run();
        } catch (const std::exception& e) {
            failure = e.what();
        }
        limit_time(0);
        if (failure.empty()) continue;
        report = "\t" + name_of_failure(failure) + "\n";
        if (write(to, report.data(), report.size()) < 0) _exit(2);
        _exit(1);
    }
    _exit(0);
}

struct Child {
    int mutant = 0, from = 0;
    size_t tried = 0;
    bool all = false;
};

Verdict read_verdict(const Child& child, int status) {
    std::string text;
    char buffer[4096];
    for (ssize_t n; (n = read(child.from, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<size_t>(n));
    close(child.from);
    Verdict verdict;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        verdict.how = concat("passed ", child.tried, " units", child.all ? "" : " of more");
        return verdict;
    }
    verdict.caught = true;
    const size_t tab = text.find('\t');
    const std::string named = text.substr(0, tab);
    const size_t last = named.find_last_of('\n', named.size() - 2);
    verdict.unit = named.substr(last == std::string::npos ? 0 : last + 1);
    while (!verdict.unit.empty() && verdict.unit.back() == '\n') verdict.unit.pop_back();
    if (tab != std::string::npos)
        verdict.how = text.substr(tab + 1, text.size() - tab - 2);
    else
        verdict.how = WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF ? "endless" : "crash";
    return verdict;
}

// A line of the file: name, seconds, what failed, keys of the mutants, numbers of comparisons that the host made.
std::string measure(const Unit& unit) {
    begin_survey();
    const double before = processor_seconds();
    std::string failure;
    try {
        failure = unit.run().substr(0, 300);
    } catch (const std::exception& e) {
        failure = e.what();
    }
    const double seconds = processor_seconds() - before;
    for (char& c : failure)
        if (c == '\n' || c == '\t') c = ' ';
    std::string line = concat(unit.name, "\t", seconds, "\t", failure, "\t");
    for (const int mutant : reached()) line += key_of(mutant) + " ";
    line += "\t";
    for (const int number : compared_by_host()) line += std::to_string(number) + " ";
    return line;
}

// The other way: returns what failed.
std::string read_line(const std::string& line, Unit& unit) {
    std::istringstream fields(line);
    std::string name, seconds, failure, keys, numbers;
    for (std::string* field : {&name, &seconds, &failure, &keys, &numbers}) std::getline(fields, *field, '\t');
    unit.seconds = std::stod(seconds);
    std::istringstream words(keys), counts(numbers);
    for (std::string key; words >> key;) unit.reaches.push_back(mutant_of_key(key));
    std::sort(unit.reaches.begin(), unit.reaches.end());
    for (int number; counts >> number;) host_compares(number);
    return failure;
}

// Lines by the names of their units; none where the file is another program's.
std::map<std::string, std::string> read_measured(const std::string& path, const std::string& program) {
    std::map<std::string, std::string> lines;
    std::ifstream in(path);
    std::string line;
    if (!std::getline(in, line) || line != program) return lines;
    while (std::getline(in, line))
        if (std::count(line.begin(), line.end(), '\t') == 4) lines[line.substr(0, line.find('\t'))] = line;
    return lines;
}

}  // namespace

std::vector<Unit> measured(std::vector<Unit>&& units, const std::string& path, const std::string& program, int jobs) {
    std::map<std::string, std::string> known = read_measured(path, program);
    {
        std::ofstream fresh(path);
        fresh << program << "\n";
        for (const auto& [name, line] : known) fresh << line << "\n";
    }
    std::fflush(nullptr);
    std::vector<pid_t> children;
    for (int job = 0; job < jobs; ++job) {
        const pid_t pid = fork();
        require(pid >= 0, "no new process");
        if (pid == 0) {
            const int out = open(path.c_str(), O_WRONLY | O_APPEND);
            for (size_t i = static_cast<size_t>(job); i < units.size(); i += static_cast<size_t>(jobs))
                if (!known.count(units[i].name)) {
                    const std::string line = measure(units[i]) + "\n";  // at once: others append too
                    if (write(out, line.data(), line.size()) < 0) _exit(2);
                }
            _exit(0);
        }
        children.push_back(pid);
    }
    for (const pid_t pid : children) {
        int status = 0;
        waitpid(pid, &status, 0);
        require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a unit ended the program without a mutant: see the last lines of ", path);
    }
    known = read_measured(path, program);
    std::vector<Unit> passed;
    for (Unit& unit : units) {
        const auto line = known.find(unit.name);
        require(line != known.end(), unit.name, " was not measured");
        const std::string failure = read_line(line->second, unit);
        if (failure.empty())
            passed.push_back(std::move(unit));
        else  // of the emulator's own tests those that count accesses or read names of places: not of this program's kernels
            std::printf("left out, fails without a mutant: %s: %s\n", unit.name.c_str(), failure.c_str());
    }
    return passed;
}

void run_all(const std::vector<int>& mutants, const std::vector<Unit>& units, const Limits& limits,
             const std::function<void(int, const Verdict&)>& done) {
    std::map<pid_t, Child> running;
    const auto wait_for_one = [&] {
        int status = 0;
        const pid_t pid = waitpid(-1, &status, 0);
        const auto child = running.find(pid);
        if (child == running.end()) return;
        const Verdict verdict = read_verdict(child->second, status);
        const int mutant = child->second.mutant;
        running.erase(child);
        done(mutant, verdict);
    };
    for (const int mutant : mutants) {
        while (static_cast<int>(running.size()) >= limits.jobs) wait_for_one();
        const std::vector<const Unit*> order = in_turn(mutant, units, limits.seconds_a_mutant);
        const size_t reaching = in_turn(mutant, units, 1e30).size();
        int ends[2];
        require(pipe(ends) == 0, "no pipe");
        std::fflush(nullptr);
        const pid_t pid = fork();
        require(pid >= 0, "no new process");
        if (pid == 0) {
            close(ends[0]);
            live_as(mutant, order, ends[1]);
        }
        close(ends[1]);
        running[pid] = {mutant, ends[0], order.size(), order.size() == reaching};
    }
    while (!running.empty()) wait_for_one();
}

}  // namespace purnet::mutants
