// The program as a user meets it: help, errors, exit codes, precedence of options.
#include <doctest/doctest.h>

#include "tests/support/pictures.h"
#include "tests/support/program.h"

namespace purnet::test {
namespace {

size_t lines(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

void check_refused(const std::vector<std::string>& words, int code, const std::string& part,
                   const std::vector<std::string>& environment = {}) {
    const Outcome outcome = run_program(words, environment);
    CAPTURE(outcome.err);
    CHECK(outcome.code == code);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.starts_with("purnet: error: "));
    CHECK(lines(outcome.err) == 1);
    CHECK(contains(outcome.err, part));
}

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("command line: help and version go to stdout, with examples first") {
    for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"}, {"-h"}, {"help"}}) {
        const Outcome outcome = run_program(words);
        CHECK(outcome.code == 0);
        CHECK(outcome.err.empty());
        CHECK(outcome.out.find("Examples:") < outcome.out.find("Commands:"));
        CHECK(contains(outcome.out, "eval"));
    }
    const Outcome version = run_program({"--version"});
    CHECK(version.code == 0);
    CHECK(version.out.starts_with("purnet "));
    CHECK(contains(version.out, "oneDNN"));
    CHECK(contains(version.out, "in use"));

    const Outcome eval = run_program({"eval", "--help"});
    CHECK(eval.code == 0);
    CHECK(eval.out.find("Examples:") < eval.out.find("--pred"));
    CHECK(contains(eval.out, "PURNET_THREADS"));
    CHECK(run_program({"help", "eval"}).out == eval.out);
    CHECK(run_program({"eval", "--nonsense", "--help"}).code == 0);
    CHECK_FALSE(contains(eval.out, "\x1b"));
}

TEST_CASE("command line: every option says once that it takes a list") {
    for (const char* command : {"train", "predict", "eval", "check-data", "report", "draw", "bench", "export", "info"}) {
        const std::string help = run_program({command, "--help"}).out;
        CAPTURE(command);
        CHECK(!help.empty());
        CHECK(!contains(help, ",..."));
        CHECK(!contains(help, "......"));
    }
}

TEST_CASE("command line: help and version are quick") {
    for (const std::string word : {"--help", "--version"}) {
        double best = 1e9;
        for (int i = 0; i < 5; ++i) best = std::min(best, run_program({word}).cpu_ms);
        MESSAGE(word, ": ", best, " ms of processor time");
        CHECK(best < 50);
    }
}

TEST_CASE("command line: nothing at all is wrong usage and shows the help on stderr") {
    const Outcome outcome = run_program({});
    CHECK(outcome.code == 2);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, "Commands:"));
}

TEST_CASE("command line: unknown names are refused with the nearest known one") {
    check_refused({"evla"}, 2, "did you mean 'eval'?");
    check_refused({"help", "evla"}, 2, "did you mean 'eval'?");
    check_refused({"--quiet"}, 2, "the first word is a command");
    check_refused({"xyzzy"}, 2, "there is no command 'xyzzy' (");
    check_refused({"eval", "--perd", "x"}, 2, "no option '--perd'; did you mean '--pred'?");
    check_refused({"eval", "--protcol=dss"}, 2, "did you mean '--protocol'?");
    check_refused({"eval", "-pred", "x"}, 2, "did you mean '--pred'?");
    check_refused({"eval", "--pred", "a", "--gt", "b", "c", "--gt"}, 2, "--gt");
    check_refused({"eval", "--pred", "a", "--protocol", "psod", "--gt", "b"}, 2, "did you mean 'pysod'?");
    check_refused({"eval", "--pred", "a"}, 2, "--gt is required");
    check_refused({"eval", "--pred", "a", "--gt", "b", "--bootstrap", "many"}, 2, "'many' is not a number");
    check_refused({"eval", "--pred", "a", "--gt", "b", "--bootstrap", "-1"}, 2, "-1 is outside 0 to 1000000");
    check_refused({"eval", "--pred", "a", "--gt", "b", "--color", "sometimes"}, 2, "none of auto|always|never");
    check_refused({"eval", "--pred", "a", "--gt", "b", "--json", "-q"}, 2, "--json needs a value, and -q is an option (--json=-q");
    check_refused({"predict", "--out", "--refine", "x.png"}, 2, "--out needs a value, and --refine is an option");
    for (const char* seed : {"-1", "99999999999999999999", "1.5", "0x10", ""})
        check_refused({"eval", "--pred", "a", "--gt", "b", std::string("--seed=") + seed}, 2, "--seed");
    check_refused({"train", "--data", "a", "--out", "na\xefve"}, 2, "': config.json can't hold a name that is no valid UTF-8");
}

TEST_CASE("command line: option before environment before configuration file before default") {
    const TemporaryFolder folder;
    const std::string config = folder / "purnet.conf";
    write(config, "threads = 3\n[eval]\npred = ['ours=a', \"b c\"]\nprotocol = dss\nbootstrap = 7 # a comment\n");
    const auto shown = [&](const std::vector<std::string>& more, const std::vector<std::string>& environment) {
        std::vector<std::string> words{"eval", "--config", config, "--print-config"};
        words.insert(words.end(), more.begin(), more.end());
        const Outcome outcome = run_program(words, environment);
        CAPTURE(outcome.err);
        CHECK(outcome.code == 0);
        return outcome.out;
    };
    const std::string from_file = shown({}, {});
    CHECK(contains(from_file, "\nbootstrap = 7\n"));
    CHECK(contains(from_file, "\nprotocol = dss\n"));
    CHECK(contains(from_file, "\nthreads = 3\n"));
    CHECK(contains(from_file, "\npred = [\"ours=a\", \"b c\"]\n"));
    CHECK(contains(from_file, "\n# gt = \n"));
    CHECK(contains(from_file, "\nseed = 1\n"));
    const std::string from_environment = shown({}, {"PURNET_BOOTSTRAP=8", "PURNET_PRED=x,y", "PURNET_RESIZE=true", "PURNET_PROTOCOL="});
    CHECK(contains(from_environment, "\nbootstrap = 8\n"));
    CHECK(contains(from_environment, "\npred = [x, y]\n"));
    CHECK(contains(from_environment, "\nresize = true\n"));
    CHECK(contains(from_environment, "\nprotocol = dss\n"));
    const std::string from_words = shown({"--bootstrap", "9", "--pred", "z"}, {"PURNET_BOOTSTRAP=8", "PURNET_PRED=x"});
    CHECK(contains(from_words, "\nbootstrap = 9\n"));
    CHECK(contains(from_words, "\npred = [z]\n"));
    CHECK(contains(run_program({"eval", "--print-config"}, {"PURNET_CONFIG=" + config}).out, "\nbootstrap = 7\n"));

    // What is printed reads back as itself.
    write(config, from_words);
    CHECK(shown({}, {}) == from_words);
}

TEST_CASE("command line: --print-config of train shows what the preset sets, given options first, and reads back as itself") {
    const TemporaryFolder folder;
    const Outcome light = run_program({"train", "--preset", "light", "--size", "200", "--print-config"});
    CHECK(light.code == 0);
    CHECK(contains(light.out, "\npreset = light\n"));
    CHECK(contains(light.out, "\nsize = 200\n"));
    CHECK(contains(light.out, "\nbackbone = light\n"));
    CHECK(contains(light.out, "\nbatch = [12,12,12]\n"));
    CHECK(contains(light.out, "\noptimiser = adamw\n"));
    CHECK(contains(light.out, "\nflip = true\n"));  // a switch that is on unless told otherwise
    CHECK(contains(light.out, "\nresume = false\n"));
    const std::string config = folder / "light.conf";
    write(config, light.out);
    CHECK(contains(run_program({"train", "--config", config, "--print-config"}).out, "\noptimiser = adamw\n"));
    CHECK(contains(run_program({"train", "--config", config, "--no-flip", "--print-config"}).out, "\nflip = false\n"));
}

TEST_CASE("command line: wrong settings are refused with the place they came from") {
    const TemporaryFolder folder;
    const std::string config = folder / "c";
    const auto with = [&](const std::string& text) {
        write(config, text);
        return std::vector<std::string>{"eval", "--pred", "a", "--gt", "b", "--config=" + config};
    };
    check_refused(with("protocl = dss"), 2, "line 1: 'eval' has no setting 'protocl'; did you mean 'protocol'?");
    check_refused(with("\n[evl]\nprotocol = dss"), 2, "there is no command 'evl' for section [evl]; did you mean 'eval'?");
    check_refused(with("protocol = psod"), 2, "(from " + config + ", line 1)");
    check_refused(with("seed = 1\nseed = 2"), 2, "line 2: 'seed' is set twice");
    check_refused(with("protocol = [dss]"), 2, "takes one value");
    check_refused(with("config = x"), 2, "has no setting 'config'");
    check_refused(with("protocol dss"), 1, "line 1: '=' is missing");
    check_refused({"eval", "--pred", "a", "--gt", "b", "--config", folder / "none"}, 1, "cannot be read");
    check_refused({"eval", "--pred", "a", "--gt", "b"}, 2, "(from PURNET_BOOTSTRAP)", {"PURNET_BOOTSTRAP=lots"});
}

TEST_CASE("command line: completion scripts are what their shells can read, and complete") {
    const TemporaryFolder folder;
    const Outcome bash = run_program({"completion", "bash"});
    CHECK(bash.code == 0);
    const std::string script = folder / "bash";
    write(script, bash.out);
    const auto completed = [&](const std::string& words, int position) {
        const std::string out = folder / "out";
        const std::string line = "bash -c 'source " + script + "; COMP_WORDS=(" + words + "); COMP_CWORD=" + std::to_string(position) +
                                 "; _purnet; echo \"${COMPREPLY[@]}\"' > " + out;
        REQUIRE(std::system(line.c_str()) == 0);
        return text_of_file(out);
    };
    CHECK(completed("purnet ev", 1) == "eval\n");
    CHECK(completed("purnet eval --prot", 2) == "--protocol\n");
    CHECK(completed("purnet eval --protocol p", 3) == "pysod purnet\n");
    CHECK(completed("purnet eval file", 2) == "\n");
    CHECK(completed("purnet train --schedule p", 3) == "poly\n");
    CHECK(completed("purnet train --freeze p", 3) == "promotion\n");
    CHECK(contains(run_program({"completion", "zsh"}).out, "'--gt[folder of masks with the same names]:DIR:_files'"));
    CHECK(contains(run_program({"completion", "fish"}).out, "__fish_seen_subcommand_from eval' -l protocol -r -f -a 'pysod dss purnet'"));
    check_refused({"completion", "csh"}, 2, "none of bash|zsh|fish");
    check_refused({"completion"}, 2, "shell is required");
}

TEST_CASE("command line: manual pages name every option and have no stray requests") {
    const Outcome page = run_program({"manual", "eval"});
    CHECK(page.code == 0);
    CHECK(page.out.starts_with(".TH PURNET-EVAL 1 "));
    for (const char* part : {".SH EXAMPLES", ".SH OPTIONS", "\\-\\-bootstrap N", ".SH EXIT STATUS", "default pysod"})
        CHECK(contains(page.out, part));
    std::istringstream lines_of_page(page.out);
    for (std::string line; std::getline(lines_of_page, line);)
        if (line.starts_with("."))
            CHECK((line.starts_with(".TH ") || line.starts_with(".SH ") || line.starts_with(".SS ") || line.starts_with(".B ") ||
                   line == ".TP"));
    CHECK(contains(run_program({"manual"}).out, ".SH COMMANDS"));
    check_refused({"manual", "evil"}, 2, "there is no command 'evil'");
    const TemporaryFolder folder;
    CHECK(run_program({"manual", "--out", folder / "man1"}).code == 0);
    CHECK(text_of_file(folder / "man1/purnet-eval.1") == page.out);
    CHECK(text_of_file(folder / "man1/purnet.1") == run_program({"manual"}).out);
    check_refused({"manual", "eval", "--out", folder / "man1"}, 2, "leave 'eval' away");
}

TEST_CASE("command line: a closed pipe ends the program without a word") {
    const TemporaryFolder folder;
    const std::string err = folder / "err";
    const std::string line = "( " + program_path().string() + " --help 2>" + err + "; echo $? >" + (folder / "code").string() + " ) | true";
    REQUIRE(std::system(line.c_str()) != -1);
    CHECK(text_of_file(err).empty());
}

TEST_CASE("command line: a result that cannot be written is a failure") {
    if (!std::filesystem::exists("/dev/full")) return;
    const TemporaryFolder folder;
    const std::string err = folder / "err";
    const int status = std::system((program_path().string() + " --help >/dev/full 2>" + err).c_str());
    CHECK(WEXITSTATUS(status) == 1);
    CHECK(contains(text_of_file(err), "No space left"));
}

}  // namespace purnet::test
