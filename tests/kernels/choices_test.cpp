// Which way is taken, by a clock of the test's own.
#include "kernels/runtime/choices_used.h"

#include <doctest/doctest.h>

#include "kernels/runtime/current_stream.h"

namespace purnet::test {
namespace {

struct Clock {
    std::map<std::string, double> milliseconds{{"plain", 1.0}, {"fast", 0.5}, {"slow", 2.0}};
    std::vector<std::string> asked;

    std::string choose(const std::string& key) {
        return choices::choose(key, {"plain", "fast", "slow"}, "plain", [this](const std::string& way) {
            asked.push_back(way);
            return milliseconds.at(way);
        });
    }
};

struct Forgotten {
    ~Forgotten() {
        choices::measure(false);
        choices::know({});
    }
};

}  // namespace

TEST_CASE("choices: the estimate, unless measuring is on or somebody told") {
    const Forgotten forget;
    Clock clock;
    CHECK(!choices::any());
    CHECK(clock.choose("a") == "plain");
    CHECK(clock.asked.empty());
    CHECK(choices::known().empty());

    choices::measure(true);
    CHECK(choices::any());
    std::map<std::string, std::map<std::string, double>> told;
    choices::on_measured([&](const std::string& key, const std::map<std::string, double>& took) { told[key] = took; });
    CHECK(clock.choose("a") == "fast");
    CHECK(clock.asked == std::vector<std::string>{"plain", "fast", "slow"});
    CHECK(clock.choose("a") == "fast");
    CHECK(clock.asked.size() == 3);  // once
    CHECK(choices::known() == choices::Known{{"a", "fast"}});
    CHECK(told == decltype(told){{"a", clock.milliseconds}});
    CHECK(choices::used() == choices::Known{{"a", "fast"}});
    choices::on_measured(nullptr);
    CHECK(choices::choose("one way", {"plain"}, "plain", nullptr) == "plain");

    clock.milliseconds["fast"] = 0.96;  // not worth another rounding
    CHECK(clock.choose("b") == "plain");

    choices::measure(false);
    choices::know({{"a", "slow"}, {"b", "no such way"}});
    clock.asked.clear();
    CHECK(clock.choose("a") == "slow");
    CHECK(clock.choose("b") == "plain");
    CHECK(clock.choose("c") == "plain");
    CHECK(clock.asked.empty());
    CHECK(choices::used() == choices::Known{{"a", "slow"}});
}

TEST_CASE("choices: nothing is measured while launches are recorded") {
    const Forgotten forget;
    Clock clock;
    choices::measure(true);
    {
        int stream = 0;
        const OnStream recording(&stream);
        CHECK(clock.choose("a") == "plain");
    }
    CHECK(clock.asked.empty());
    CHECK(choices::known().empty());
    CHECK(clock.choose("a") == "fast");
}

}  // namespace purnet::test
