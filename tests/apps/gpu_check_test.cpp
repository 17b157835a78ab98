// scripts/gpu_check.sh and gpu_bundle.sh, which only a machine with a GPU runs in earnest, here with programs of our own making: what a
// part's outcome makes of it, and that every test of gpu_tests has a part.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/pictures.h"
#include "tests/support/program.h"

namespace purnet::test {
namespace {

namespace fs = std::filesystem;

// Trains 60 steps of nothing; FAKE=deaf ends with 0 after a signal, FAKE=quick is done before one can come, FAKE=forgetful ends elsewhere
// when it goes on, FAKE=lost goes on without a step of its log.
constexpr char fake_purnet[] = R"(#!/bin/sh
case $1 in
    --version) echo "purnet ${FAKE_VERSION:-1}"; exit ;;
    info) [ "${FAKE:-}" != cpu ] || { echo "cuda: this program was built without CUDA" >&2; exit 1; }; exit ;;
esac
resumed=0
while [ $# -gt 0 ]; do
    case $1 in --out) out=$2 ;; --resume) resumed=1 ;; esac
    shift
done
mkdir -p "$out"
touch "$out/log.jsonl"
step=$(wc -l <"$out/log.jsonl")
[ $resumed = 1 ] && [ "${FAKE:-}" = lost ] && step=$((step + 1))
trap 'stop=1' TERM
while [ $step -lt 60 ]; do
    step=$((step + 1))
    echo "{\"type\":\"train\",\"stage_step\":9,\"step\":$step,\"loss\":$((100 - step)).5,\"losses\":{}}" >>"$out/log.jsonl"
    [ $resumed = 1 ] || [ "${FAKE:-}" = quick ] || sleep 0.02
    if [ -n "${stop:-}" ] && [ "${FAKE:-}" != quick ]; then
        [ "${FAKE:-}" = deaf ] && exit 0
        exit 143
    fi
done
[ -n "${stop:-}" ] && exit 143
[ $resumed = 1 ] && [ "${FAKE:-}" = forgetful ] && echo other >"$out/final.safetensors" && exit
echo weights >"$out/final.safetensors"
)";

// Lists what cases.txt beside it holds, by the patterns of -tc; runs them with the words of FAKE.
constexpr char fake_tests[] = R"(#!/bin/sh
[ "${FAKE:-}" != none ] || { echo "gpu_tests: no device" >&2; exit 77; }
echo "computing on cuda:0"
[ "$1" != device ] || { echo "${FAKE_DEVICE:-a device}"; exit; }
list=0 patterns='*'
for word in "$@"; do
    case $word in --list-test-cases) list=1 ;; -tc=*) patterns=${word#-tc=} ;; esac
done
if [ $list = 1 ]; then
    echo "[doctest] listing all test case names"
    echo "====================================="
    while read -r name; do
        IFS=,
        set -f
        for pattern in $patterns; do
            case $name in $pattern) echo "$name"; break ;; esac
        done
    done <"$(dirname "$0")/cases.txt"
    exit
fi
case ${FAKE:-} in
    fails) echo "wrong in lane 7"; exit 1 ;;
    skips) echo "file.cpp:1: MESSAGE: skipped: no library at all" ;;
    partly) printf 'file.cpp:1: MESSAGE: skipped: no wgmma\n[doctest] test cases:  3 |  3 passed\n' ;;
esac
)";

void write(const fs::path& path, const std::string& text) {
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms::owner_all);
}

// The names of the cases in the sources of gpu_tests.
std::string cases_in_sources() {
    std::string names;
    for (const char* folder : {"tests/device", "tests/gpu"})
        for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
            std::ifstream text(file.path());
            for (std::string line; std::getline(text, line);)
                if (line.starts_with("TEST_CASE(\"")) names += line.substr(11, line.find('"', 11) - 11) + "\n";
        }
    return names;
}

struct Machine {
    TemporaryFolder folder;
    fs::path build = folder / "build", report = folder / "a report";

    Machine() {
        fs::create_directories(build);
        write(build / "purnet", fake_purnet);
        write(build / "gpu_tests", fake_tests);
        write(build / "bench", "#!/bin/sh\n");
        write(build / "cases.txt", cases_in_sources());
    }
    Outcome check(const std::string& part, std::vector<std::string> environment = {}) const {
        environment.emplace_back("PURNET_LIBRARIES=none");
        return RunningProgram({"scripts/gpu_check.sh", build.string(), report.string(), part}, environment, "/bin/sh").wait();
    }
    std::string summary() const { return text_of_file(report / "summary.md"); }
};

}  // namespace

TEST_CASE("gpu_check.sh: every test case of gpu_tests is in one part") {
    const Machine machine;
    const Outcome outcome = machine.check("cases");
    CHECK_MESSAGE(outcome.code == 0, outcome.out);
    CHECK(contains(machine.summary(), "| cases | passed |"));
    std::ofstream(machine.build / "cases.txt", std::ios::app) << "device tapestry: a part of none\nsome other case\n";
    const Outcome missing = machine.check("cases");
    CHECK(missing.code == 0);  // gpu_tests itself is the same
    std::ofstream(machine.build / "gpu_tests", std::ios::app) << "# another build\n";
    const Outcome other = machine.check("cases");
    CHECK(other.code == 1);
    CHECK(contains(other.out, "< some other case"));
    CHECK(contains(machine.summary(), "| cases | FAILED |"));
}

TEST_CASE("gpu_check.sh: a part that passed is not run again by the same programs on the same device") {
    const Machine machine;
    CHECK(!contains(machine.check("plan").out, "before"));
    CHECK(contains(machine.check("plan").out, ", before"));
    CHECK(!contains(machine.check("plan", {"FAKE_DEVICE=another device"}).out, "before"));
    CHECK(contains(machine.check("plan", {"FAKE_DEVICE=another device"}).out, ", before"));
    CHECK(!contains(machine.check("plan", {"FAKE_VERSION=2"}).out, "before"));
    CHECK(machine.check("plan", {"FAKE=fails"}).code == 1);  // with version 1: what version 2 passed counts for nothing
    CHECK(!contains(machine.check("plan", {"FAKE_VERSION=2"}).out, "before"));
}

TEST_CASE("gpu_check.sh: what cannot be run is skipped with its reason, and what fails shows its end") {
    const Machine machine;
    const Outcome skipped = machine.check("libraries", {"FAKE=skips"});
    CHECK(skipped.code == 0);
    CHECK(contains(machine.summary(), "| libraries | skipped | no library at all |"));
    CHECK(!fs::exists(machine.report / "libraries.passed"));
    CHECK(machine.check("probe", {"FAKE=partly"}).code == 0);
    CHECK(contains(machine.summary(), " s; 1 of 3 cases skipped: no wgmma |"));
    CHECK(machine.check("sanitizer", {"COMPUTE_SANITIZER=/nowhere/compute-sanitizer"}).code == 0);
    CHECK(contains(machine.summary(), "| sanitizer | skipped | there is no compute-sanitizer"));
    const Outcome failed = machine.check("records", {"FAKE=fails"});
    CHECK(failed.code == 1);
    CHECK(contains(failed.out, "wrong in lane 7"));
    CHECK(contains(machine.summary(), "| records | FAILED |"));
    const Outcome none = machine.check("records", {"FAKE=none"});
    CHECK(none.code == 1);
    CHECK(none.out == "gpu_tests: no device\n");
    CHECK(machine.check("records", {"FAKE=cpu"}).code == 1);
    CHECK(machine.check("nothing").code == 2);
}

TEST_CASE("gpu_check.sh: a resumed run was interrupted, and ends as one that was not") {
    const Machine machine;
    for (const char* part : {"resume-f32", "resume-on-cpu", "resume-from-cpu"}) {
        const Outcome outcome = machine.check(part);
        CHECK_MESSAGE(outcome.code == 0, part, ": ", outcome.out);
    }
    const auto refused = [&](const std::string& fake, const std::string& why) {
        const Outcome outcome = machine.check("resume-bf16", {"FAKE=" + fake});
        CHECK_MESSAGE(outcome.code == 1, fake);
        CHECK_MESSAGE(contains(outcome.out, why), fake, ": ", outcome.out);
    };
    refused("deaf", "this one ended with 0");
    refused("quick", "this one ended with 0");
    refused("forgetful", "differ");
    refused("lost", "does not hold steps 1 to 60 once each");
}

TEST_CASE("gpu_bundle.sh: programs without CUDA are refused") {
    const Machine machine;
    const Outcome outcome = RunningProgram({"scripts/gpu_bundle.sh", machine.build.string()}, {"FAKE=cpu"}, "/bin/sh").wait();
    CHECK(outcome.code == 1);
    CHECK(contains(outcome.err, "was built without CUDA"));
    CHECK(!fs::exists(machine.build / "gpu-bundle.tar.gz"));
}

}  // namespace purnet::test
