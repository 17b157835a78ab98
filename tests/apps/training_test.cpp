// Whole runs of `purnet train` on a few drawn pictures: what can be relied on when they are stopped, killed or can't write.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "apps/run/json_log.h"
#include "apps/salient/train_config.h"
#include "core/formats/atomic_file.h"
#include "core/formats/safetensors.h"
#include "data/image/encode.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"

using namespace purnet;
using namespace purnet::test;

namespace {

namespace fs = std::filesystem;

const fs::path& drawn_pictures() {
    static const TemporaryFolder folder;
    static const fs::path path = [] {
        const fs::path made = folder / "drawn";
        const Outcome outcome = run_program({"draw", "--count", "10", "--size", "48", "--out", made});
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        return made;
    }();
    return path;
}

std::vector<std::string> small_run(const fs::path& out) {
    std::istringstream line(
        "train --preset demo --size 32 --width 4 --batch 2 2 2 --steps 4 2 4 --superpixels 9 --ema 0.9 "
        "--crop 0.2 --jitter 0.2 --val-fraction 0.2 --log-every 1 --validate-every 3 --save-every 1");
    std::vector<std::string> words{std::istream_iterator<std::string>(line), {}};
    words.insert(words.end(), {"--data", drawn_pictures(), "--out", out});
    return words;
}

std::vector<std::string> resumed(const fs::path& out) { return {"train", "--resume", "--out", out}; }

const std::string& weights_of_unbroken_run() {
    static const std::string weights = [] {
        const TemporaryFolder folder;
        const Outcome outcome = run_program(small_run(folder / "run"));
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        return text_of_file(folder / "run/final.safetensors");
    }();
    return weights;
}

int64_t records_in(const fs::path& log) {
    const std::string text = text_of_file(log);
    return std::count(text.begin(), text.end(), '\n');
}

}  // namespace

TEST_CASE("train: killed at any moment, twenty times, and resumed, a run ends with the bits of the unbroken one") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run";
    int kills = 0;
    Outcome outcome;
    // The wait before each kill sweeps over everything that happens: reading, steps, validation, writing of checkpoints.
    for (int milliseconds = 30; kills < 20; milliseconds = 30 + (milliseconds + 61) % 500) {
        RunningProgram program(fs::exists(run / "last.safetensors") ? resumed(run) : small_run(run));
        const int64_t before = records_in(run / "log.jsonl");
        std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
        program.signal(SIGKILL);
        outcome = program.wait();
        if (outcome.code == 0) {  // it was faster: kill another one
            CHECK(text_of_file(run / "final.safetensors") == weights_of_unbroken_run());
            fs::remove_all(run);
            continue;
        }
        REQUIRE_MESSAGE(outcome.code == 128 + SIGKILL, outcome.err);
        CHECK(records_in(run / "log.jsonl") >= std::min<int64_t>(before, 1));
        ++kills;
    }
    outcome = run_program(fs::exists(run / "last.safetensors") ? resumed(run) : small_run(run));
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    for (const fs::directory_entry& entry : fs::directory_iterator(run)) CHECK(entry.path().extension() != ".tmp");
    CHECK(text_of_file(run / "final.safetensors") == weights_of_unbroken_run());
}

TEST_CASE("train: SIGTERM finishes the step, saves and says how to go on; what follows is bit-equal") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run";
    RunningProgram program(small_run(run));
    for (int waited = 0; waited < 60000 && program.err().find("stage 1 step 2/") == std::string::npos; waited += 5)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.signal(SIGTERM);
    const Outcome stopped = program.wait();
    CAPTURE(stopped.err);
    CHECK(stopped.code == 143);
    CHECK(stopped.err.find("purnet train --resume --out " + run.string()) != std::string::npos);
    CHECK(!fs::exists(run / "final.safetensors"));
    const Outcome rest = run_program(resumed(run));
    CHECK_MESSAGE(rest.code == 0, rest.err);
    CHECK(text_of_file(run / "final.safetensors") == weights_of_unbroken_run());
    // Both processes left an event file each; together they tell of every step, and show held-out pictures.
    std::string events;
    for (const fs::directory_entry& entry : fs::directory_iterator(run / "tensorboard")) events += text_of_file(entry.path());
    for (const char* tag : {"train/loss", "train/structural", "validation/max-F", "validation/MAE", "run/rate", "held out/1"})
        CHECK_MESSAGE(events.find(tag) != std::string::npos, tag);
    // Once more is harmless.
    CHECK(run_program(resumed(run)).code == 0);
    CHECK(text_of_file(run / "final.safetensors") == weights_of_unbroken_run());
}

TEST_CASE("train: where pictures are augmented changes no bit, within a run or from its beginning") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run", other = folder / "other";
    RunningProgram program(small_run(run));
    for (int waited = 0; waited < 60000 && program.err().find("stage 1 step 2/") == std::string::npos; waited += 5)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.signal(SIGTERM);
    const Outcome stopped = program.wait();
    CHECK(stopped.code == 143);
    CHECK_MESSAGE(stopped.err.find("pictures are augmented by the workers that prepare them") != std::string::npos, stopped.err);
    std::vector<std::string> again = resumed(run), words = small_run(other);
    for (std::vector<std::string>* const one : {&again, &words}) one->insert(one->end(), {"--augment-on", "device"});
    const Outcome rest = run_program(again);
    CHECK_MESSAGE(rest.code == 0, rest.err);
    CHECK_MESSAGE(rest.err.find("pictures are augmented in the steps") != std::string::npos, rest.err);
    CHECK(text_of_file(run / "final.safetensors") == weights_of_unbroken_run());
    CHECK(run_program(words).code == 0);
    CHECK(text_of_file(other / "final.safetensors") == weights_of_unbroken_run());
    CHECK(read_json_log(other / "log.jsonl")[0].at("augmented_on") == "device");
}

TEST_CASE("train: a finished run is not begun anew, nor is another run's folder taken") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run";
    const std::vector<std::string> words = small_run(run);
    CHECK(run_program(words).code == 0);
    std::vector<std::string> command = words;
    command.insert(command.begin(), program_path());
    CHECK(read_json_log(run / "log.jsonl")[0]["command"] == nlohmann::ordered_json(command));
    const Outcome again = run_program(words);
    CHECK(again.code == 1);
    CHECK(again.err.find("holds a run already; use --resume") != std::string::npos);
}

TEST_CASE("train: weights that can't be written end the run with an error and are written by a resumed one") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run";
    fs::create_directories(run / "final.safetensors/in the way");
    const Outcome full = run_program(small_run(run));
    CAPTURE(full.err);
    CHECK(full.code == 1);
    CHECK(full.err.find("training goes on, the earlier file stays") != std::string::npos);
    CHECK(full.err.find("the trained weights could not be written") != std::string::npos);
    fs::remove_all(run / "final.safetensors");
    CHECK(run_program(resumed(run)).code == 0);
    CHECK(text_of_file(run / "final.safetensors") == weights_of_unbroken_run());
}

TEST_CASE("train: a folder of superpixels changes no bit, filled or empty") {
    const TemporaryFolder folder;
    const fs::path cache = folder / "cache";
    for (const char* name : {"filling", "filled"}) {
        std::vector<std::string> words = small_run(folder / name);
        words.insert(words.end(), {"--superpixel-cache", cache});
        const Outcome outcome = run_program(words);
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        CHECK(outcome.err.find("superpixels are kept in " + cache.string()) != std::string::npos);
        CHECK(text_of_file(folder / name / "final.safetensors") == weights_of_unbroken_run());
        // Ten pictures, two of them held out.
        CHECK(std::distance(fs::directory_iterator(cache), fs::directory_iterator()) == 8);
    }
}

TEST_CASE("train: near-duplicates are held out together, the choice is kept, other data is refused") {
    const TemporaryFolder folder;
    const fs::path data = folder / "data", run = folder / "run";
    fs::copy(drawn_pictures(), data, fs::copy_options::recursive);
    std::vector<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(data / "images")) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    REQUIRE(names.size() == 10);
    const auto copy = [&](const std::string& name, const std::string& to) {
        for (const char* part : {"images", "masks"})
            for (const fs::directory_entry& entry : fs::directory_iterator(data / part))
                if (entry.path().stem() == fs::path(name).stem()) {
                    fs::copy_file(entry.path(), data / part / (to + entry.path().extension().string()));
                    break;
                }
    };
    // Every picture twice: a draw of single pictures would hardly ever hold out whole pairs.
    for (const std::string& name : names) copy(name, "again-" + fs::path(name).stem().string());
    std::vector<std::string> words = small_run(run);
    words[static_cast<size_t>(std::find(words.begin(), words.end(), "--data") - words.begin()) + 1] = data;
    const Outcome outcome = run_program(words);
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    CHECK(outcome.err.find("10 pictures are near-duplicates of others") != std::string::npos);
    CHECK(outcome.err.find("16 pictures to train on, 4 held out") != std::string::npos);
    const nlohmann::json kept = nlohmann::json::parse(text_of_file(run / "data.json"));
    std::vector<std::string> held = kept.at("held_out_names");
    REQUIRE(held.size() == 4);
    for (const std::string& name : held) {
        const std::string other = name.starts_with("again-") ? name.substr(6) : "again-" + name;
        CHECK(std::find(held.begin(), held.end(), other) != held.end());
    }
    CHECK(kept.at("pairs") == 20);

    CHECK(run_program(resumed(run)).code == 0);
    copy(names[0], "new");
    const Outcome changed = run_program(resumed(run));
    CHECK(changed.code == 1);
    CHECK(changed.err.find("the run began with 20 pairs, and --data now has 21") != std::string::npos);
    fs::remove(data / "images" / ("new" + fs::path(names[0]).extension().string()));
    for (const fs::directory_entry& entry : fs::directory_iterator(data / "masks"))
        if (entry.path().stem() == "new") {
            fs::remove(entry.path());
            break;
        }
    // What was held out is read, not drawn anew.
    atomic_write(run / "data.json", std::string("{}"));
    const Outcome damaged = run_program(resumed(run));
    CHECK(damaged.code == 1);
    CHECK(damaged.err.find("data.json: damaged") != std::string::npos);
}

TEST_CASE("train: files of other contents are refused by a resumed run, a folder that moved is not") {
    const TemporaryFolder folder;
    const fs::path data = folder / "data", run = folder / "run", moved = folder / "moved";
    fs::copy(drawn_pictures(), data, fs::copy_options::recursive);
    std::vector<std::string> words = small_run(run);
    *std::find(words.begin(), words.end(), drawn_pictures().string()) = data;
    const Outcome first = run_program(words);
    REQUIRE_MESSAGE(first.code == 0, first.err);
    CHECK(text_of_file(run / "final.safetensors") == weights_of_unbroken_run());
    const auto hash_of_last = [&] { return read_json_log(run / "log.jsonl").back().at("data_hash").get<std::string>(); };

    // The bytes count, neither where they lie nor what a file's date says.
    const std::string hash = read_json_log(run / "log.jsonl")[0].at("data_hash");
    fs::rename(data, moved);
    const Outcome lost = run_program(resumed(run));
    CHECK(lost.code == 1);
    CHECK_MESSAGE(lost.err.find("has moved, --resume takes --data") != std::string::npos, lost.err);
    for (const auto& entry : fs::directory_iterator(moved / "images")) fs::last_write_time(entry, fs::file_time_type::clock::now());
    std::vector<std::string> again = resumed(run);
    again.insert(again.end(), {"--data", moved, "--workers", "2", "--no-recompute", "--augment-on", "device"});
    const Outcome found = run_program(again);
    CHECK_MESSAGE(found.code == 0, found.err);
    CHECK(hash_of_last() == hash);
    CHECK(nlohmann::json::parse(text_of_file(run / "config.json")).at("data") == nlohmann::json{moved.string()});

    // One byte of one mask.
    const fs::path mask = fs::directory_iterator(moved / "masks")->path();
    std::string bytes = text_of_file(mask);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    std::ofstream(mask, std::ios::binary | std::ios::trunc) << bytes;
    const Outcome changed = run_program(resumed(run));
    CHECK(changed.code == 1);
    CHECK_MESSAGE(changed.err.find("of the 10 pairs of --data, 1 are not the files that the run began with") != std::string::npos,
                  changed.err);
    CHECK(changed.err.find(mask.stem().string()) != std::string::npos);
    again = resumed(run);
    again.emplace_back("--accept-changed-data");
    const Outcome accepted = run_program(again);
    CHECK_MESSAGE(accepted.code == 0, accepted.err);
    CHECK(accepted.err.find("it goes on with those there are now") != std::string::npos);
    // From now on these are the run's files.
    CHECK(run_program(resumed(run)).code == 0);
    // A folder that an earlier version left knows names alone.
    nlohmann::json kept = nlohmann::json::parse(text_of_file(run / "data.json"));
    CHECK(kept.at("contents").size() == 10);
    kept.erase("contents");
    atomic_write(run / "data.json", kept.dump());
    bytes.back() = static_cast<char>(bytes.back() ^ 3);
    std::ofstream(mask, std::ios::binary | std::ios::trunc) << bytes;
    CHECK(run_program(resumed(run)).code == 0);
    CHECK(nlohmann::json::parse(text_of_file(run / "data.json")).at("contents").size() == 10);
    CHECK(run_program({"train", "--accept-changed-data", "--data", moved, "--out", folder / "other"}).code == 2);
}

TEST_CASE("train: steps that are not finite leave nothing in the checkpoint, and a resumed run reads it") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run";
    std::vector<std::string> words = small_run(run);
    words.insert(words.end(), {"--rate", "1e30", "--rate-extractor", "1e30", "--optimiser", "sgd", "--max-nonfinite", "2"});
    const Outcome outcome = run_program(words);
    CHECK(outcome.code == 1);
    CHECK_MESSAGE(outcome.err.find("steps in a row were not finite") != std::string::npos, outcome.err);
    const NamedArrays checkpoint = read_safetensors(run / "last.safetensors");
    for (const auto& entry : checkpoint) REQUIRE_MESSAGE(first_non_finite(entry.array) < 0, entry.name);
    const Outcome again = run_program(resumed(run));
    CHECK_MESSAGE(again.err.find("no finite number") == std::string::npos, again.err);
}

TEST_CASE("train: what a run was begun with may be gone when it goes on") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run", start = folder / "start.safetensors";
    std::ofstream(start, std::ios::binary) << weights_of_unbroken_run();
    std::vector<std::string> words = small_run(run);
    *(std::find(words.begin(), words.end(), "--steps") + 1) = "400";
    words.insert(words.end(), {"--init-from", start});
    RunningProgram program(words);
    while (!fs::exists(run / "last.safetensors")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.signal(SIGTERM);
    REQUIRE(program.wait().code == 143);
    fs::remove(start);
    // And what a power cut leaves of a log does not stand in the way.
    std::ofstream(run / "log.jsonl", std::ios::app) << std::string(3, '\0') << "\n{\"type\": \"tra\n";
    RunningProgram rest(resumed(run));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    rest.signal(SIGTERM);
    const Outcome outcome = rest.wait();
    CHECK_MESSAGE((outcome.code == 143 || outcome.code == 0), outcome.err);
}

TEST_CASE("train: fine-tuning validates what it begins with, and the best network is never worse") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run", start = folder / "start.safetensors";
    std::ofstream(start, std::ios::binary) << weights_of_unbroken_run();
    std::vector<std::string> words = small_run(run);
    words.insert(words.end(), {"--init-from", start, "--stage", "3", "--rate", "1e-12", "--rate-extractor", "0", "--best-by", "mae"});
    const Outcome outcome = run_program(words);
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    std::vector<double> steps, errors;
    for (const Json& record : read_json_log(run / "log.jsonl")) {
        if (record.at("type") != "val") continue;
        steps.push_back(record.at("step"));
        errors.push_back(record.at("mae"));
    }
    REQUIRE(steps.size() >= 2);
    CHECK(steps[0] == 0);
    const NamedArrays best = read_safetensors(run / "best.safetensors");
    CHECK(std::stod(best.metadata.at("validation.mae")) == doctest::Approx(*std::min_element(errors.begin(), errors.end())).epsilon(1e-4));
}

TEST_CASE("train: a damaged picture ends the run, which keeps its steps") {
    const TemporaryFolder folder;
    const fs::path run = folder / "run", data = folder / "data";
    fs::copy(drawn_pictures(), data, fs::copy_options::recursive);
    std::vector<fs::path> pictures;
    for (const auto& entry : fs::directory_iterator(data / "images")) pictures.push_back(entry.path());
    const std::string whole = text_of_file(pictures[0]);
    std::ofstream(pictures[0], std::ios::binary | std::ios::trunc) << whole.substr(0, whole.size() / 2);
    std::vector<std::string> words = small_run(run);
    *std::find(words.begin(), words.end(), drawn_pictures().string()) = data;
    *(std::find(words.begin(), words.end(), "--save-every") + 1) = "99";
    *(std::find(words.begin(), words.end(), "--val-fraction") + 1) = "0";
    const Outcome outcome = run_program(words);
    CHECK(outcome.code == 1);
    CHECK_MESSAGE(outcome.err.find(pictures[0].filename().string()) != std::string::npos, outcome.err);
    if (outcome.err.find("steps so far are saved") == std::string::npos) return;  // it came in the first step
    CHECK(outcome.err.find("go on with --resume --accept-changed-data") != std::string::npos);
    std::ofstream(pictures[0], std::ios::binary | std::ios::trunc) << whole;
    std::vector<std::string> again = resumed(run);
    again.emplace_back("--accept-changed-data");
    const Outcome rest = run_program(again);
    CHECK_MESSAGE(rest.code == 0, rest.err);
}

TEST_CASE("train: the best network is the one that --best-by asks for") {
    const TemporaryFolder folder;
    std::map<std::string, int64_t> best_steps;
    for (const std::string figure : {"max-f", "mae"}) {
        const fs::path run = folder / figure;
        std::vector<std::string> words = small_run(run);
        words.insert(words.end(), {"--best-by", figure, "--validate-every", "1"});
        const Outcome outcome = run_program(words);
        REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
        double best = -1;
        for (const Json& record : read_json_log(run / "log.jsonl")) {
            if (record["type"] != "val") continue;
            const double value = figure == "mae" ? 1 - record["mae"].get<double>() : record["max_f"].get<double>();
            if (value <= best) continue;
            best = value;
            best_steps[figure] = record["step"].get<int64_t>();
        }
        CHECK_MESSAGE(outcome.out.ends_with(concat(" at step ", best_steps[figure], "\n")), outcome.out);
        CHECK(read_safetensors(run / "best.safetensors").metadata.at("trained.steps") == std::to_string(best_steps[figure]));
    }
    // Else either would do for both.
    CHECK(best_steps["max-f"] != best_steps["mae"]);
}

TEST_CASE("train: forms of one stage resume with the steps that minutes gave them") {
    TrainConfig config;
    config.data = {"x"};
    config.out = "y";
    config.steps = {7, 0, 0};
    CHECK_THROWS_WITH(check(config), doctest::Contains("--steps 0"));
    config.ablation = "baseline";
    check(config);
    config.steps = {0, 0, 0};
    CHECK_THROWS_WITH(check(config), doctest::Contains("--steps"));
    config.steps = {0, 0, 5};
    check(config);
    config.stage = "3";
    CHECK_THROWS_WITH(check(config), doctest::Contains("--stage 3: --ablation baseline has no attentions"));
    config.stage = "1";
    CHECK_THROWS_WITH(check(config), doctest::Contains("--steps"));
}

TEST_CASE("train: Ctrl-C while steps are measured stops at once, and says that there is nothing to go on with") {
    const TemporaryFolder folder;
    std::vector<std::string> words = small_run(folder / "run");
    words.insert(words.end(), {"--size", "160", "--width", "16", "--minutes", "30"});
    RunningProgram program(words);
    for (int waited = 0; waited < 60000 && program.err().find("held out for validation") == std::string::npos; waited += 5)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    program.signal(SIGINT);
    const Outcome stopped = program.wait();
    CHECK(stopped.code == 130);
    CHECK_MESSAGE(stopped.err.find("stopped before the first step: there is nothing to go on with") != std::string::npos, stopped.err);
    CHECK(!fs::exists(folder / "run/last.safetensors"));
}

TEST_CASE("train: a damaged configuration of a run is refused in words") {
    const auto refused = [](const char* name, const nlohmann::json& value) {
        nlohmann::json json = to_json(TrainConfig{});
        json[name] = value;
        CHECK_THROWS_WITH(train_config_from_json(json), doctest::Contains((std::string(name) + " has the wrong type").c_str()));
    };
    refused("preset", 3);
    refused("size", 1e300);
    refused("size", 3000000000);
    refused("seed", -1);
    refused("steps", {1, 2.5, 3});
    refused("data", "x");
    refused("flip", 1);
    TrainConfig config;
    config.seed = ~uint64_t{0};
    CHECK(train_config_from_json(to_json(config)).seed == config.seed);
}

TEST_CASE("train: validation refuses a mask of another shape than its picture, as training does") {
    const TemporaryFolder folder;
    fs::copy(drawn_pictures(), folder / "val", fs::copy_options::recursive);
    const fs::path mask = fs::directory_iterator(folder / "val/masks")->path();
    atomic_write(mask, encode_png(test::pattern(64, 20, 1)));
    std::vector<std::string> words = small_run(folder / "run");
    words.insert(words.end(), {"--val", folder / "val"});
    const Outcome outcome = run_program(words);
    CHECK(outcome.code == 1);
    CHECK_MESSAGE(outcome.err.find("the mask is 64 x 20, its picture") != std::string::npos, outcome.err);
}

TEST_CASE("train: values that make no run are wrong usage, named by their option") {
    const TemporaryFolder folder;
    const auto refused = [&](std::vector<std::string> more, const std::string& wanted) {
        std::vector<std::string> words = small_run(folder / "run");
        words.insert(words.end(), more.begin(), more.end());
        const Outcome outcome = run_program(words);
        CHECK(outcome.code == 2);
        CHECK_MESSAGE(outcome.err.find(wanted) != std::string::npos, outcome.err);
    };
    refused({"--momentum", "nan"}, "--momentum nan");
    refused({"--momentum", "7"}, "--momentum 7");
    refused({"--weight-decay", "-3"}, "--weight-decay -3");
    refused({"--minutes", "inf"}, "--minutes inf");
    refused({"--cache-mb", "-1"}, "--cache-mb -1");
    refused({"--accumulate", "2000000000"}, "--accumulate 2000000000");
    refused({"--superpixels", "100000"}, "--superpixels 100000");
    refused({"--max-nonfinite", "0"}, "--max-nonfinite 0");
    CHECK(!fs::exists(folder / "run"));
    const Outcome ignored = run_program({"train", "--resume", "--out", folder / "run", "--steps", "3", "3", "3"});
    CHECK(ignored.code == 2);
    CHECK_MESSAGE(ignored.err.find("--steps: a resumed run keeps its options") != std::string::npos, ignored.err);
    const Outcome nowhere = run_program(resumed(folder / "typo"));
    CHECK(nowhere.code == 1);
    CHECK_MESSAGE(nowhere.err.find("no such run") != std::string::npos, nowhere.err);
    CHECK(!fs::exists(folder / "typo"));
}
