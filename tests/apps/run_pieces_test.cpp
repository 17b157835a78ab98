// The small pieces that programs share: names, configuration, tables, console, progress, signals.
#include <doctest/doctest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "apps/run/config_file.h"
#include "apps/run/nearest_name.h"
#include "apps/run/progress.h"
#include "apps/run/signals.h"
#include "apps/run/table.h"
#include "tests/support/pictures.h"
#include "tests/support/refused.h"

namespace purnet {

TEST_CASE("nearest name: letters missing, added, changed, swapped; nothing for a stranger") {
    CHECK(edit_distance("", "abc") == 3);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("perd", "pred") == 1);
    const std::vector<std::string> known{"--pred", "--protocol", "--progress", "--gt", "--bootstrap"};
    CHECK(nearest_name("--perd", known) == "--pred");
    CHECK(nearest_name("--boot", known) == "--bootstrap");
    CHECK(nearest_name("--protokol", known) == "--protocol");
    CHECK(nearest_name("--zzzzzz", known) == "");
    CHECK(did_you_mean("--gtt", known) == "; did you mean '--gt'?");
}

TEST_CASE("config file: sections, lists, strings, comments") {
    const auto entries = parse_config(
        "# top\nthreads=4 # four\n\n[ train ]\r\nlearning-rate = 1e-3\nnames = [ a, \"b,\\\"c\\\"\\n\", # why\n 'd\\e' ]\nempty = []\npath "
        "= /x/y:z\n",
        "c");
    REQUIRE(entries.size() == 5);
    CHECK(entries[0].section == "");
    CHECK(entries[0].key == "threads");
    CHECK(entries[0].values == std::vector<std::string>{"4"});
    CHECK(entries[1].section == "train");
    CHECK(entries[1].values == std::vector<std::string>{"1e-3"});
    CHECK(entries[2].list);
    CHECK(entries[2].values == std::vector<std::string>{"a", "b,\"c\"\n", "d\\e"});
    CHECK(entries[2].line == 6);
    CHECK(entries[3].values.empty());
    CHECK(entries[4].values == std::vector<std::string>{"/x/y:z"});
    for (const char* value : {"", "a b", "a\"b\\c\n\td", "plain-1.5e+3", "[x]", "#no"}) {
        const auto back = parse_config(std::string("k = ") + config_value(value), "c");
        REQUIRE(back.size() == 1);
        CHECK(back[0].values == std::vector<std::string>{value});
    }
}

TEST_CASE("config file: what is malformed is refused with its line") {
    REFUSED(parse_config("a = 1\nb", "c"), "c, line 2: '=' is missing");
    REFUSED(parse_config("a =", "c"), "a value is missing");
    REFUSED(parse_config("a = b c", "c"), "unexpected 'c'");
    REFUSED(parse_config("a = \"x", "c"), "closing \" is missing");
    REFUSED(parse_config("a = \"\\q\"", "c"), "are known in a string");
    REFUSED(parse_config("a = 'x\n'", "c"), "closing ' is missing");
    REFUSED(parse_config("a = [1, 2", "c"), "lacks ',' or ']'");
    REFUSED(parse_config("a = [1 2]", "c"), "lacks ',' or ']'");
    REFUSED(parse_config("[a", "c"), "']' is missing");
    REFUSED(parse_config("= 3", "c"), "a key is missing");
    REFUSED(parse_config("a = \"\\", "c"), "are known");
}

TEST_CASE("table: columns are as wide as their widest text, counted in code points") {
    CHECK(text_of({{"name", "x"}, {{"ä", "1.5"}, {"longer", "10"}}}) == "name      x\n-----------\nä       1.5\nlonger   10\n");
    CHECK_THROWS_AS(text_of({{"a", "b"}, {{"1"}}}), Error);
    CHECK(fixed_text(0.12345, 3) == "0.123");
    CHECK(fixed_text(std::nan(""), 3) == "-");
    CHECK(exact_text(0.1) == "0.1");
    CHECK(exact_text(std::nan("")) == "");
    CHECK(std::stod(exact_text(1.0 / 3)) == 1.0 / 3);
}

TEST_CASE("progress: count, rate and rest in one line") {
    console().progress = ProgressStyle::none;
    Progress progress("maps", 400);
    CHECK(progress.line() == "0/400 maps");
    progress.advance(12);
    progress.note("loss 0.3");
    const std::string line = progress.line();
    CHECK(line.starts_with("12/400 maps, "));
    CHECK(test::contains(line, "/s, "));
    CHECK(line.ends_with(" left, loss 0.3"));
    Progress unknown("frames", -1);
    unknown.advance();
    CHECK(unknown.line().starts_with("1 frames, "));
    console().progress = ProgressStyle::automatic;
    CHECK(duration_text(45) == "45 s");
    CHECK(duration_text(60 * 12) == "12 min");
    CHECK(duration_text(3600 * 3 + 60 * 20) == "3 h 20 min");
    CHECK(duration_text(86400 * 2 + 3600 * 4) == "2 d 4 h");
    CHECK(duration_text(-1) == "0 s");
}

TEST_CASE("signals: the first asks, the second ends at once") {
    for (const int number : {SIGINT, SIGTERM}) {
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::close(STDERR_FILENO);
            ::signal(number, SIG_DFL);  // a shell may have left it ignored
            watch_signals();
            if (stop_requested() || stop_exit_code() != 0) ::_exit(1);
            ::raise(number);
            if (!stop_requested() || stop_exit_code() != 128 + number) ::_exit(2);
            ::raise(number);
            ::_exit(3);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        CHECK(WIFEXITED(status));
        CHECK(WEXITSTATUS(status) == 128 + number);
    }
}

}  // namespace purnet
