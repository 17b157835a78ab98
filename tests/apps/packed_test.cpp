// The cache of packed weights, and predictors and the program with it.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "apps/run/packed_cache.h"
#include "apps/salient/predictor.h"
#include "core/formats/atomic_file.h"
#include "core/formats/byte_source.h"
#include "tests/support/picture_files.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"
#include "tests/support/refused.h"
#include "tests/support/small_network.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

// Files that were just written are not kept under their times.
void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(2100)); }

std::vector<fs::path> files_in(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) files.push_back(at->path());
    return files;
}

std::vector<float> map_of(Predictor& predictor) {
    const Image rgb = test::pattern(64, 64, 3);
    return predictor.map(rgb.pixels.data(), 64, 64);
}

std::vector<uint8_t> bytes_of(const fs::path& file) {
    const ByteSource source(file);
    return source.read(0, source.size());
}

std::string initialised_weights(const fs::path& file, int seed) {
    const auto net = test::small_net();
    initialise(net->parameters(), static_cast<uint64_t>(seed));
    write_safetensors(file, weights_of(*net, 0));
    return file.string();
}

}  // namespace

TEST_CASE("packed cache: the least lately used files go, so do temporaries of killed processes") {
    const test::TemporaryFolder folder;
    const fs::path place = folder / "new" / "packed";
    const std::vector<float> values(300'000, 1.0f);
    const PackedWeights weights{{"w", 1, 1, {std::as_bytes(std::span(values))}}};  // 1.2 MB
    const PackedCache cache(place, 8 << 20);
    std::string why;
    CHECK(!cache.find("a", why));
    CHECK(why.empty());
    for (const char* key : {"a", "b", "c", "d", "e", "f"}) {
        cache.keep(key, {}, weights);
        const fs::file_time_type then = fs::file_time_type::clock::now() - std::chrono::hours(10 - (key[0] - 'a'));
        fs::last_write_time(cache.file_of(key), then);
    }
    CHECK(files_in(place).size() == 6);
    CHECK(cache.find("a", why));  // used now
    atomic_write(place / ".purnet-1-0.tmp", "old");
    atomic_write(place / ".purnet-2-0.tmp", "new");
    fs::last_write_time(place / ".purnet-1-0.tmp", fs::file_time_type::clock::now() - std::chrono::hours(2));
    atomic_write(place / "mine.txt", "a user's");
    cache.keep("g", {}, weights);
    CHECK(cache.find("a", why));
    CHECK(!cache.find("b", why));
    for (const char* key : {"c", "d", "e", "f", "g"}) CHECK(cache.find(key, why));
    CHECK(why.empty());
    CHECK(!fs::exists(place / ".purnet-1-0.tmp"));
    CHECK(fs::exists(place / ".purnet-2-0.tmp"));
    CHECK(fs::exists(place / "mine.txt"));

    const PackedCache small(place, 1 << 20);
    REFUSED(small.keep("h", {}, weights), "more than the 1 MiB that are kept there");
    atomic_write(folder / "a file", "");
    CHECK_THROWS(PackedCache(folder / "a file" / "x").keep("k", {}, weights));
    // Truncated, and under another's name.
    fs::resize_file(cache.file_of("c"), 1000);
    CHECK(!cache.find("c", why));
    CHECK(why.find("is truncated") != std::string::npos);
    fs::rename(cache.file_of("d"), cache.file_of("e"));
    CHECK(!cache.find("e", why));
    CHECK(why.find("was made from other weights") != std::string::npos);
}

TEST_CASE("packed cache: the state of a file changes with its content, whatever its times say") {
    const test::TemporaryFolder folder;
    const fs::path file = folder / "w";
    std::ofstream(file) << "one";
    CHECK(state_of_file(file).empty());  // too lately
    CHECK(state_of_file(folder / "none").empty());
    settle();
    const std::string first = state_of_file(file);
    CHECK(!first.empty());
    CHECK(state_of_file(file) == first);
    const fs::file_time_type before = fs::last_write_time(file);
    std::ofstream(file) << "two";
    fs::last_write_time(file, before);
    settle();
    CHECK(state_of_file(file) != first);
    CHECK(state_of_program() == state_of_program());
}

TEST_CASE("packed predictor: the same bits from the folder, for every batch; never those of other weights, sizes or precisions") {
    const test::TemporaryFolder folder;
    const fs::path weights = test::write_small_weights(folder / "w.safetensors"), place = folder / "packed";
    const PredictorOptions options{.packed = place};
    {
        Predictor fresh(weights, options);
        map_of(fresh);
        fresh.keep_packed();
        CHECK(files_in(place).empty());  // the weights were written just now
    }
    settle();
    Predictor plain(weights), first(weights, options);
    const std::vector<float> wanted = map_of(plain);
    CHECK(!first.from_packed());
    first.keep_packed();
    CHECK(files_in(place).empty());  // nothing is planned yet
    CHECK(map_of(first) == wanted);
    first.keep_packed();
    REQUIRE(files_in(place).size() == 1);
    const fs::path kept = files_in(place)[0];
    const std::vector<uint8_t> content = bytes_of(kept);

    const Image rgb = test::pattern(64, 64, 3);
    std::vector<uint8_t> three;
    for (int i = 0; i < 3; ++i) three.insert(three.end(), rgb.pixels.begin(), rgb.pixels.end());
    const auto maps = [&](Predictor& predictor, int n) {
        std::vector<float> out(static_cast<size_t>(n) * 64 * 64);
        predictor.maps_of_resized(three.data(), n, out.data());
        return out;
    };
    {
        Predictor second(weights, options);
        CHECK(second.from_packed());
        CHECK(second.config() == plain.config());
        CHECK(second.plan_text() == plain.plan_text());
        CHECK(map_of(second) == wanted);
        CHECK(maps(second, 3) == maps(plain, 3));
        CHECK(second.inspect(rgb.pixels.data(), 64, 64).levels == plain.inspect(rgb.pixels.data(), 64, 64).levels);
        CHECK(maps(second, 2) == maps(plain, 2));
        CHECK(map_of(second) == wanted);
        second.keep_packed();
        CHECK(bytes_of(kept) == content);
    }
    PredictorOptions larger = options;
    larger.size = 96;
    CHECK(!Predictor(weights, larger).from_packed());

    // Damaged: refused, made anew.
    for (const size_t at : {size_t{8}, size_t{60}, content.size() - 9}) {
        std::vector<uint8_t> damaged = content;
        damaged[at] ^= 4;
        atomic_write(kept, damaged);
        Predictor anew(weights, options);
        CHECK(!anew.from_packed());
        CHECK(map_of(anew) == wanted);
        anew.keep_packed();
        CHECK(bytes_of(kept) == content);
    }
    // Other weights under the same name, size and time.
    const fs::file_time_type before = fs::last_write_time(weights);
    initialised_weights(weights, 6);
    fs::last_write_time(weights, before);
    Predictor other(weights, options), without(weights);
    CHECK(!other.from_packed());
    CHECK(map_of(other) == map_of(without));
    CHECK(map_of(other) != wanted);
}

TEST_CASE("packed weights: the program keeps them, maps them, and does without where it can't") {
    const test::TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors");
    settle();
    const fs::path photo = folder / "photo.png", home = folder / "home";
    test::put(photo, 90, 70);
    const auto predict = [&](const std::string& out, const std::vector<std::string>& environment, std::vector<std::string> more = {}) {
        std::vector<std::string> words{"predict", "--device", "cpu", "--weights", weights, "--out", (folder / out).string()};
        words.insert(words.end(), more.begin(), more.end());
        words.push_back(photo.string());
        return test::run_program(words, environment);
    };
    const std::string at_home = "PURNET_HOME=" + home.string();
    CHECK(predict("off.png", {at_home}).code == 0);
    CHECK(!fs::exists(home));
    for (const char* out : {"first.png", "second.png"}) {
        const test::Outcome run = predict(out, {at_home, "PURNET_PACKED=auto"});
        CHECK(run.code == 0);
        CHECK(!test::contains(run.err, "warning"));
        CHECK(test::contains(run.err, "packed weights for the next start are kept in") == (std::string(out) == "first.png"));
        CHECK(files_in(home / "cache" / "packed").size() == 1);
        CHECK(bytes_of(folder / out) == bytes_of(folder / "off.png"));
    }
    const fs::path kept = files_in(home / "cache" / "packed").at(0);
    fs::resize_file(kept, fs::file_size(kept) / 2);
    const test::Outcome refused = predict("third.png", {at_home, "PURNET_PACKED=auto"});
    CHECK(refused.code == 0);
    CHECK(test::contains(refused.err, "is truncated, or damaged"));
    CHECK(test::contains(refused.err, "packing the weights anew"));
    CHECK(bytes_of(folder / "third.png") == bytes_of(folder / "off.png"));

    const fs::path named = folder / "named";
    CHECK(predict("fourth.png", {}, {"--packed", named.string()}).code == 0);
    CHECK(files_in(named).size() == 1);
    atomic_write(folder / "a file", "");
    const test::Outcome nowhere = predict("fifth.png", {}, {"--packed", (folder / "a file").string()});
    CHECK(nowhere.code == 0);
    CHECK(test::contains(nowhere.err, "packed weights are not kept"));
    CHECK(bytes_of(folder / "fifth.png") == bytes_of(folder / "off.png"));
    if (::geteuid() != 0) {
        fs::create_directory(folder / "locked");
        fs::permissions(folder / "locked", fs::perms::owner_read | fs::perms::owner_exec);
        const test::Outcome locked = predict("sixth.png", {}, {"--packed", (folder / "locked").string()});
        CHECK(locked.code == 0);
        CHECK(test::contains(locked.err, "no permission to write there"));
    } else {
        MESSAGE("a folder without the right to write skipped: root may write everywhere");
    }
}

}  // namespace purnet
