#include "apps/run/tuned_choices.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "apps/salient/predictor.h"
#include "core/formats/atomic_file.h"
#include "core/formats/byte_source.h"
#include "kernels/conv2d/conv2d_choice.h"
#include "kernels/runtime/choices.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"
#include "tests/support/small_network.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

const conv2d::Problem problem{.h = 8, .w = 8, .c = 16, .o = 16, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}};

std::string text_of(const std::filesystem::path& file) {
    const ByteSource source(file);
    const std::vector<uint8_t> bytes = source.read(0, source.size());
    return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("tuned choices: measured once, read by the next run; a damaged or foreign file is started anew") {
    const test::TemporaryFolder folder;
    const auto file = folder / "new" / "choices.json";
    std::string first;
    {
        TunedChoices tuned(file);
        tuned.save();
        CHECK(!std::filesystem::exists(file));  // nothing to say yet
        conv2d::packed_method(problem, conv2d::Pass::forward);
        tuned.save();
        first = text_of(file);
    }
    CHECK(choices::known().empty());
    {
        TunedChoices again(file);
        CHECK(choices::known().size() == 1);
        again.save();
        CHECK(text_of(file) == first);
    }
    std::string foreign = first;
    foreign.replace(foreign.find("\"machine\": \""), 12, "\"machine\": \"another ");
    for (const std::string& text : {foreign, first.substr(0, first.size() / 2), std::string("[]"), std::string(2 << 20, ' '),
                                    std::string(R"({"machine": 1, "choices": {}})")}) {
        atomic_write(file, text);
        TunedChoices anew(file);
        CHECK(choices::known().empty());
        conv2d::packed_method(problem, conv2d::Pass::forward);
        anew.save();
        TunedChoices read(file);
        CHECK(choices::known().size() == 1);
    }
    atomic_write(folder / "a file", "");
    TunedChoices nowhere(folder / "a file" / "choices.json");
    conv2d::packed_method(problem, conv2d::Pass::forward);
    nowhere.save();
    CHECK(choices::known().size() == 1);
}

TEST_CASE("tuned choices: kept after a piece of work, and where a run fails") {
    const test::TemporaryFolder folder;
    const auto file = folder / "choices.json";
    keep_tuned_choices();  // nobody measures
    CHECK_THROWS_AS(([&] {
                        const TunedChoices tuned(file);
                        keep_tuned_choices();
                        CHECK(!std::filesystem::exists(file));
                        conv2d::packed_method(problem, conv2d::Pass::forward);
                        keep_tuned_choices();
                        CHECK(test::contains(text_of(file), "\"choices\": {\n"));  // a run that is killed now has lost nothing
                        std::filesystem::remove(file);
                        keep_tuned_choices();
                        CHECK(!std::filesystem::exists(file));  // nothing new
                        conv2d::Problem other = problem;
                        other.h = 9;
                        conv2d::packed_method(other, conv2d::Pass::forward);
                        fail("a picture is damaged");
                    }()),
                    Error);
    CHECK(test::contains(text_of(file), "h9"));
}

TEST_CASE("tuned choices: a prediction keeps what it has measured before it returns") {
    const test::TemporaryFolder folder;
    const auto file = folder / "choices.json";
    const TunedChoices tuned(file);
    Predictor predictor(test::small_net(32), {});  // wide enough for more than one method
    const std::vector<uint8_t> rgb(static_cast<size_t>(predictor.size()) * static_cast<size_t>(predictor.size()) * 3, 90);
    predictor.map(rgb.data(), predictor.size(), predictor.size());
    CHECK(std::filesystem::exists(file));
}

TEST_CASE("tuned choices: what goes on with others than it was begun with is told so") {
    CHECK(other_choices(choices_record()).empty());
    CHECK(!other_choices("{").empty());
    nlohmann::json record = nlohmann::json::parse(choices_record());
    record["choices"] = nlohmann::json::object();
    CHECK(other_choices(record.dump()).empty());
    record["choices"] = {{"a", "fast"}, {"b", "slow"}};
    CHECK(
        test::contains(other_choices(record.dump()), "of the 2 ways of computing that --tune had chosen, 2 are those of the fixed table"));
    choices::know({{"a", "fast"}, {"b", "plain"}, {"c", "of another run"}});
    CHECK(test::contains(other_choices(record.dump()), "of the 2 ways of computing that --tune had chosen, 1 are others now"));
    choices::know({{"a", "fast"}, {"b", "slow"}, {"c", "of another run"}});
    CHECK(other_choices(record.dump()).empty());
    record["choices"] = nlohmann::json::object();
    CHECK(test::contains(other_choices(record.dump()), "by the fixed table, and --tune"));
    choices::know({});
    record["machine"] = "another\n one";
    CHECK(test::contains(other_choices(record.dump()), "it was computed by \"another  one\", this is \""));
}

TEST_CASE("tuned choices: the program prints, keeps, refuses and, deterministic, never looks") {
    const test::TemporaryFolder folder;
    const std::vector<std::string> home{"PURNET_HOME=" + (folder / ".").string()};
    const auto info = [&](const std::string& option) {
        return test::run_program({"info", "--backbone", "light", "--width", "16", "--size", "64", "--plan", "--device", "cpu", option},
                                 home);
    };
    const auto file = folder / "cache" / "choices.json";
    const test::Outcome first = info("--tune");
    CHECK(first.code == 0);
    CHECK(test::contains(first.err, "measuring which way"));
    REQUIRE(std::filesystem::exists(file));
    const test::Outcome second = info("--tune");
    CHECK(!test::contains(second.err, "measuring"));
    CHECK(second.out == first.out);
    CHECK(test::contains(first.out, "\tmeasured: "));

    std::string foreign = text_of(file);
    foreign.replace(foreign.find("\"machine\": \""), 12, "\"machine\": \"another ");
    for (const std::string& text : {foreign, std::string("{")}) {
        atomic_write(file, text);
        const test::Outcome fixed = info("--deterministic");
        CHECK(fixed.code == 0);
        CHECK(!test::contains(fixed.err, "choices"));
        CHECK(!test::contains(fixed.out, "measured"));
        CHECK(text_of(file) == text);
        const test::Outcome refused = info("--tune");
        CHECK(refused.code == 0);
        CHECK(test::contains(refused.err, text == "{" ? "is not a list of choices; measuring anew" : "was measured by \"another "));
        CHECK(text_of(file) != text);
    }
    const test::Outcome bytes =
        test::run_program({"info", "--backbone", "light", "--plan", "--device", "cpu", "--precision", "int8"}, home);
    CHECK(bytes.code == 1);
    CHECK(test::contains(bytes.err, "these weights have no ranges for 8 bits"));
    const test::Outcome both = test::run_program({"predict", "--tune", "--deterministic", "--out", "x", "y.png"}, home);
    CHECK(both.code == 2);
    CHECK(test::contains(both.err, "--deterministic takes nothing that --tune measured"));
}

}  // namespace purnet
