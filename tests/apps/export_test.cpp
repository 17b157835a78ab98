#include <doctest/doctest.h>

#include <cmath>

#include "core/formats/atomic_file.h"
#include "core/formats/npy.h"
#include "core/formats/safetensors.h"
#include "nets/init.h"
#include "nets/name_maps.h"
#include "tests/support/picture_files.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"

using namespace purnet;
using namespace purnet::test;

namespace {

NamedArrays network(int width, uint64_t seed, bool stage1) {
    PurNetConfig config;
    config.backbone = Backbone::light;
    config.width = width;
    config.stage1 = stage1;
    config.size = 64;
    config.normalisation = default_normalisation(config.backbone);
    PurNet net(config);
    initialise(net.parameters(), seed);
    NamedArrays arrays = weights_of(net, 17);
    arrays.metadata["trained.steps"] = "17";
    arrays.metadata["validation.max_f"] = "0.9";
    return arrays;
}

NamedArrays small_network() { return network(4, 3, false); }

}  // namespace

TEST_CASE("export: the same names, values and notes come out; half keeps vectors and rounds kernels") {
    const TemporaryFolder folder;
    const NamedArrays from = small_network();
    write_safetensors(folder / "from.safetensors", from);
    REQUIRE(run_program({"export", "--weights", folder / "from.safetensors", "--out", folder / "to.safetensors"}).code == 0);
    REQUIRE(run_program({"export", "--weights", folder / "from.safetensors", "--half", "--out", folder / "half.safetensors"}).code == 0);
    const NamedArrays to = read_safetensors(folder / "to.safetensors"), half = read_safetensors(folder / "half.safetensors");
    CHECK(to.metadata == from.metadata);
    REQUIRE(to.size() == from.size());
    REQUIRE(half.size() == from.size());
    int64_t halved = 0;
    for (size_t i = 0; i < from.size(); ++i) {
        CHECK(to[i].name == from[i].name);
        CHECK(to[i].array.shape == from[i].array.shape);
        CHECK(to[i].array.bytes == from[i].array.bytes);
        const Array& rounded = half.at(from[i].name);
        if (from[i].array.shape.size() < 2) {
            CHECK(rounded.bytes == from[i].array.bytes);
            continue;
        }
        ++halved;
        CHECK(rounded.dtype == FileDType::f16);
        CHECK(rounded.bytes == convert(from[i].array, FileDType::f16).bytes);
    }
    CHECK(halved > 50);
    REQUIRE(run_program({"export", "--weights", folder / "from.safetensors", "--size", "96", "--out", folder / "wide.safetensors"}).code ==
            0);
    CHECK(read_safetensors(folder / "wide.safetensors").metadata.at("size") == "96");
    // What was halved is a network like any other.
    CHECK(run_program({"info", "--weights", folder / "half.safetensors"}).code == 0);
}

TEST_CASE("export: notes go into the file, stay in what is exported from it, and info shows them on one line each") {
    const TemporaryFolder folder;
    write_safetensors(folder / "from.safetensors", small_network());
    const std::string noted = folder / "noted.safetensors", again = folder / "again.safetensors";
    REQUIRE(run_program({"export", "--weights", folder / "from.safetensors", "--note", "licence=as DUTS-TR = research", "--note",
                         "data=one\ntwo\033[2J", "--out", noted})
                .code == 0);
    CHECK(read_safetensors(noted).metadata.at("note.licence") == "as DUTS-TR = research");
    REQUIRE(run_program({"export", "--weights", noted, "--note", "data=", "--out", again}).code == 0);
    CHECK(read_safetensors(again).metadata.at("note.licence") == "as DUTS-TR = research");
    CHECK(read_safetensors(again).metadata.count("note.data") == 0);
    const Outcome info = run_program({"info", "--weights", noted});
    CHECK(contains(info.out, "note.data            one two [2J\n"));
    CHECK(contains(info.out, "note.licence         as DUTS-TR = research\n"));
    CHECK(contains(info.out, "trained.steps        17\n"));
    CHECK(contains(run_program({"info", "--weights", noted, "--json"}).out, "\"note.licence\": \"as DUTS-TR = research\""));
    const Outcome wrong = run_program({"export", "--weights", noted, "--note", "no equals sign", "--out", again});
    CHECK(wrong.code == 2);
    CHECK(contains(wrong.err, "write NAME=TEXT"));
}

TEST_CASE("export: the mean of networks, of which one may lack parts; strangers are refused by name") {
    const TemporaryFolder folder;
    const std::string first = folder / "first.safetensors", second = folder / "second.safetensors", early = folder / "early.safetensors",
                      mean = folder / "mean.safetensors";
    NamedArrays arrays = network(4, 3, false), others = network(4, 4, false), stage1 = network(4, 5, true);
    arrays.metadata["note.licence"] = "free";
    write_safetensors(first, arrays);
    write_safetensors(second, others);
    write_safetensors(early, stage1);
    const Outcome done = run_program({"export", "--weights", first, "--average", second, early, "--out", mean});
    REQUIRE_MESSAGE(done.code == 0, done.err);
    const NamedArrays result = read_safetensors(mean);
    CHECK(result.metadata.at("trained.averaged") == "3 networks");
    CHECK(result.metadata.at("note.licence") == "free");
    CHECK(result.metadata.count("validation.max_f") == 0);
    REQUIRE(result.size() == arrays.size());
    int shared_by[4] = {};
    for (const auto& [name, array] : result) {
        if (array.dtype != FileDType::f32) continue;
        const std::span<const float> a = arrays.at(name).as<float>(), b = others.at(name).as<float>();
        const Array* c = stage1.find(name);
        const int n = c ? 3 : 2;
        ++shared_by[n];
        const auto wrong = [&](size_t i) {
            const double sum = static_cast<double>(a[i]) + static_cast<double>(b[i]) + (c ? static_cast<double>(c->as<float>()[i]) : 0.0);
            return array.as<float>()[i] != static_cast<float>(sum / n);
        };
        for (size_t i = 0; i < a.size(); ++i) REQUIRE_MESSAGE(!wrong(i), name);
    }
    CHECK(shared_by[2] > 50);
    CHECK(shared_by[3] > 50);

    const auto refusal = [&](const std::vector<std::string>& files) {
        std::vector<std::string> words{"export", "--out", mean, "--weights"};
        words.push_back(files[0]);
        words.push_back("--average");
        words.insert(words.end(), files.begin() + 1, files.end());
        return run_program(words);
    };
    CHECK(contains(refusal({early, first}).err, "which the first network lacks; name the larger network first"));
    write_safetensors(folder / "wide.safetensors", network(8, 3, false));
    const Outcome wide = refusal({first, folder / "wide.safetensors"});
    CHECK(wide.code == 1);
    CHECK(contains(wide.err, "wide.safetensors: "));
    CHECK(contains(wide.err, "in the first network"));
    CHECK(refusal({first, folder / "none.safetensors"}).code == 1);
    CHECK(refusal({first, mean}).code == 2);  // would be read and written
}

TEST_CASE("export: refuses its own input and values beyond float16") {
    const TemporaryFolder folder;
    NamedArrays arrays = small_network();
    for (size_t i = 0; i < arrays.size(); ++i)
        if (arrays[i].array.shape.size() == 4) {
            arrays[i].array.as<float>()[0] = 1e5f;
            break;
        }
    const std::string from = folder / "from.safetensors";
    write_safetensors(from, arrays);
    const Outcome self = run_program({"export", "--weights", from, "--out", from});
    CHECK(self.code == 2);
    CHECK(self.err.find("name another") != std::string::npos);
    const Outcome wide = run_program({"export", "--weights", from, "--half", "--out", folder / "half.safetensors"});
    CHECK(wide.code == 1);
    CHECK(wide.err.find("beyond float16's range") != std::string::npos);
    CHECK(!std::filesystem::exists(folder / "half.safetensors"));
}

TEST_CASE("export: measured ranges let predict compute in 8 bits; without them it says how to get them") {
    const TemporaryFolder folder;
    const std::string plain = folder / "plain.safetensors", ranged = folder / "ranged.safetensors", photo = folder / "photo.png";
    write_safetensors(plain, small_network());
    put(photo, 90, 70);
    const auto predict = [&](const std::string& weights, const std::string& out) {
        return run_program({"predict", "--weights", weights, "--precision", "int8", "--output", "map", "--out", folder / out, photo});
    };
    const Outcome refused = predict(plain, "none");
    CHECK(refused.code == 1);
    CHECK(refused.err.find("purnet export --weights FILE --calibrate PICTURES") != std::string::npos);

    const Outcome made = run_program({"export", "--weights", plain, "--calibrate", photo, "--out", ranged});
    REQUIRE_MESSAGE(made.code == 0, made.err);
    const Outcome done = predict(ranged, "eight");
    CHECK_MESSAGE(done.code == 0, done.err);
    REQUIRE(run_program({"predict", "--weights", plain, "--output", "map", "--out", folder / "float", photo}).code == 0);
    const std::vector<float> eight = to_float32(read_npy(folder / "eight/photo.npy")),
                             floats = to_float32(read_npy(folder / "float/photo.npy"));
    REQUIRE(eight.size() == floats.size());
    double difference = 0;
    for (size_t i = 0; i < eight.size(); ++i) difference += std::fabs(static_cast<double>(eight[i] - floats[i]));
    CHECK(difference / static_cast<double>(eight.size()) < 0.02);
    CHECK(eight != floats);

    // The ranges come out of another export again, and damaged ones are refused.
    REQUIRE(run_program({"export", "--weights", ranged, "--out", folder / "again.safetensors"}).code == 0);
    NamedArrays again = read_safetensors(folder / "again.safetensors");
    CHECK(again.metadata.at("ranges") == read_safetensors(ranged).metadata.at("ranges"));
    for (const char* bad : {"", "[1]", "{\"a\": 3}", "{\"a\": [1, 0]}", "{\"a\": [0, 1e999]}"}) {
        again.metadata["ranges"] = bad;
        write_safetensors(folder / "bad.safetensors", again);
        const Outcome outcome = predict(folder / "bad.safetensors", "bad");
        CHECK(outcome.code == 1);
        CHECK_MESSAGE(outcome.err.find("metadata ranges") != std::string::npos, outcome.err);
    }
}
