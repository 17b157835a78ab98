// purnet predict as its users meet it.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

#include "apps/salient/prediction.h"
#include "core/formats/npy.h"
#include "data/image/decode.h"
#include "tests/support/bf16.h"
#include "tests/support/picture_files.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"
#include "tests/support/small_network.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;
using test::contains;
using test::Outcome;
using test::put;
using test::run_program;
using test::TemporaryFolder;
using test::text_of_file;

int shell(const std::string& line) {
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

std::string message_of_run(const std::vector<std::string>& words, int code) {
    const Outcome outcome = run_program(words);
    CAPTURE(outcome.err);
    CHECK(outcome.code == code);
    CHECK(outcome.out.empty());
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
    return outcome.err;
}

}  // namespace

TEST_CASE("predict: files, stdout, existing results and exit codes") {
    const TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors"), photo = put(folder / "in/photo.png", 40, 30);
    const std::string out = folder / "out", mask = folder / "mask.png";
    const std::vector<std::string> start = {"predict", "--quiet", "--weights", weights};
    const auto words = [&](std::vector<std::string> more) {
        more.insert(more.begin(), start.begin(), start.end());
        return more;
    };
    CHECK(run_program(words({"--out", mask, photo})).code == 0);
    const std::string bytes = text_of_file(mask);
    const Outcome piped = run_program(words({"--out", "-", photo}));
    CHECK(piped.code == 0);
    CHECK(piped.out == bytes);
    CHECK(shell(test::program_path().string() + " predict --weights " + weights + " - < " + photo + " > " + (folder / "piped").string()) ==
          0);
    CHECK(text_of_file(folder / "piped") == bytes);

    CHECK(run_program(words({"--out", out, "--output", "mask,cutout", "--batch", "auto", (folder / "in").string()})).code == 0);
    CHECK(text_of_file(out + "/photo.png") == bytes);
    CHECK(read_rgb(out + "/photo_cutout.png").width == 40);
    CHECK(run_program(words({"--out", (folder / "m.npy").string(), photo})).code == 0);
    CHECK(read_npy(folder / "m.npy").shape == std::vector<int64_t>{30, 40});
    CHECK(run_program(words({"--out", (folder / "green.jpg").string(), "--background", "green", photo})).code == 0);
    CHECK(text_of_file(folder / "green.jpg").starts_with("\xff\xd8"));

    CHECK(contains(message_of_run(words({"--out", out, "--if-exists", "fail", photo}), 3), "photo.png: is there already"));
    CHECK(run_program(words({"--out", out, "--if-exists", "rename", photo})).code == 0);
    CHECK(text_of_file(out + "/photo-2.png") == bytes);
    const std::string photo_bytes = text_of_file(photo);
    CHECK(contains(message_of_run(words({"--out", (folder / "in").string(), photo}), 3), "is an input; choose another --out"));
    CHECK(contains(message_of_run(words({"--out", photo, photo}), 1), "is an input; choose another --out"));
    CHECK(text_of_file(photo) == photo_bytes);
    CHECK(contains(message_of_run(words({"--out", out, (folder / "in/none.jpg").string()}), 3), "none.jpg"));

    CHECK(contains(message_of_run(words({photo}), 2), "--out is missing"));
    CHECK(contains(message_of_run(words({"--out", mask, photo, photo}), 2), "takes one picture"));
    CHECK(contains(message_of_run(words({"--out", (folder / "c.jpg").string(), "--output", "cutout", photo}), 2),
                   "the result is a .png file"));
    CHECK(contains(message_of_run(words({"--out", out, "--threshold", "2", photo}), 2), "'2' is no threshold"));
    CHECK(contains(message_of_run(words({"--out", out, "--background", "mauve", photo}), 2), "neither a colour"));
    CHECK(contains(message_of_run(words({"--out", out, "--output", "mask", "--background", "red", photo}), 2), "belongs to --output"));
    CHECK(contains(message_of_run(words({"--out", out, "--batch", "many", photo}), 2), "use auto or 1 to 64"));
    CHECK(contains(message_of_run(words({"--out", out, "--output", "masc", photo}), 2), "mask"));
}

TEST_CASE("predict: no two results share a file, and nothing that is read is written over") {
    const TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors");
    put(folder / "in/x.jpg", 40, 30);
    put(folder / "in/x_cutout.jpg", 30, 40);
    const std::vector<PredictionJob> jobs = prediction_jobs({(folder / "in").string()}, folder / "out", {".png", "_cutout.png"});
    REQUIRE(jobs.size() == 2);
    CHECK(jobs[0].output == "x");
    CHECK(jobs[1].output == "x_cutout-2");

    const std::string back = put(folder / "bg/x_background.png", 20, 20), photo = put(folder / "bg/x.jpg", 20, 20);
    const std::string bytes = text_of_file(back);
    CHECK(contains(message_of_run({"predict", "--quiet", "--weights", weights, "--out", folder / "bg", "--background", back, photo}, 3),
                   "is an input; choose another --out"));
    CHECK(text_of_file(back) == bytes);

    std::filesystem::create_directories(folder / "empty");
    const Outcome some = run_program({"predict", "--weights", weights, "--out", folder / "some", folder / "empty", photo});
    CHECK(some.code == 3);
    CHECK(contains(some.err, "no pictures in this folder"));
    CHECK(std::filesystem::exists(folder / "some/x.png"));

    CHECK(run_program({"predict", "--weights", weights, "--out", folder / "UPPER.PNG", photo}).code == 0);
    CHECK(std::filesystem::is_regular_file(folder / "UPPER.PNG"));
    CHECK(contains(message_of_run({"predict", "--weights", weights, "--out", weights, photo}, 2), "is a file"));
    CHECK(contains(message_of_run({"predict", "--weights", weights, "--out", folder / "o", "--size", "5", photo}, 2), "neither 0 nor 32"));
}

TEST_CASE("predict: a result never replaces its own picture, however its suffix is spelled") {
    const TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors");
    for (const char* name : {"photo.png", "photo.PNG", "photo.jpg", "photo.jpeg", "photo.JPG"}) {
        const std::string photo = put(folder / name, 40, 30), bytes = text_of_file(photo);
        const std::string kind = contains(name, "ng") || contains(name, "NG") ? "mask" : "overlay";
        for (const char* if_exists : {"overwrite", "fail"}) {
            const Outcome outcome =
                run_program({"predict", "--weights", weights, "--output", kind, "--if-exists", if_exists, "--out", photo, photo});
            CHECK_MESSAGE(outcome.code == 1, name);
            CHECK(text_of_file(photo) == bytes);
        }
        CHECK(run_program({"predict", "--weights", weights, "--output", kind, "--if-exists", "skip", "--out", photo, photo}).code == 0);
        CHECK(run_program({"predict", "--weights", weights, "--output", kind, "--if-exists", "rename", "--out", photo, photo}).code == 0);
        CHECK(text_of_file(photo) == bytes);
        CHECK(fs::exists(folder / (fs::path(name).stem().string() + "-2" + fs::path(name).extension().string())));
        fs::remove(photo);
    }
}

TEST_CASE("predict: names in square brackets are names") {
    const TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors");
    put(folder / "[a, b]/x.png", 40, 30);
    put(folder / "a/wrong.png", 40, 30);
    CHECK(shell("cd '" + folder.path().string() + "' && " + test::program_path().string() + " predict -q --weights " + weights +
                " --out '[o]' '[a, b]'") == 0);
    CHECK(fs::exists(folder / "[o]/x.png"));
    CHECK(!fs::exists(folder / "[o]/wrong.png"));
    CHECK(contains(run_program({"train", "--data", "[x]", "--data=[y]", "--out", "z", "--print-config"}).out,
                   R"(data = ["./[x]", "./[y]"])"));
}

TEST_CASE("predict: a signal ends the wait for a picture from a pipe") {
    const TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors"), pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const std::string line = test::program_path().string() + " predict --weights " + weights + " --out " + (folder / "m.png").string() +
                             " - < " + pipe + " & sleep 1; exec 3> " + pipe + "; sleep 0.5; kill -TERM $!; wait $!";
    CHECK(shell(line) == 143);
}

TEST_CASE("predict: raw frames in and out, a truncated last one said") {
    const TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors"), photo = put(folder / "photo.png", 40, 30);
    const Image rgb = test::pattern(40, 30, 3);
    {
        std::ofstream frames(folder / "frames", std::ios::binary);
        for (int i = 0; i < 3; ++i)
            frames.write(reinterpret_cast<const char*>(rgb.pixels.data()), static_cast<std::streamsize>(rgb.pixels.size()));
        frames << "half a frame";
        std::ofstream(folder / "nothing");
    }
    const auto run = [&](const std::string& in, const std::string& more) {
        return shell(test::program_path().string() + " predict --weights " + weights + " --raw 40x30 " + more + " - < " +
                     (folder / in).string() + " > " + (folder / "out").string() + " 2> " + (folder / "err").string());
    };
    CHECK(run("frames", "") == 3);
    CHECK(contains(text_of_file(folder / "err"), "inside frame 4: 12 of 3600 bytes"));
    CHECK(run_program({"predict", "--quiet", "--weights", weights, "--out", (folder / "mask.png").string(), photo}).code == 0);
    const Image mask = read_grey(folder / "mask.png");
    const std::string frame(mask.pixels.begin(), mask.pixels.end());
    CHECK(text_of_file(folder / "out") == frame + frame + frame);
    CHECK(run("frames", "--output cutout --raw-out bgra --pixel bgr24 --batch 2") == 3);
    const std::string cut = text_of_file(folder / "out");
    REQUIRE(cut.size() == 3 * 40 * 30 * 4);
    CHECK(static_cast<uint8_t>(cut[0]) == rgb.pixels[0]);  // bgr in, bgr out
    CHECK(run("nothing", "") == 1);
    CHECK(contains(text_of_file(folder / "err"), "no frames came"));
    CHECK(run("nothing", "--raw-out rgba") == 2);
    CHECK(contains(text_of_file(folder / "err"), "go out as gray or gray16le"));
}

TEST_CASE("predict: bf16 where the CPU has it or is to pretend; else one line says what to use instead") {
    const TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors"), photo = put(fs::path(folder / "photo.png"), 90, 70);
    const auto predict = [&](const std::string& out, const std::string& precision, const std::vector<std::string>& environment) {
        return run_program({"predict", "--weights", weights, "--precision", precision, "--output", "map", "--out", folder / out, photo},
                           environment);
    };
    const Outcome refused = predict("none", "bf16", {"PURNET_ISA=baseline"});
    CHECK(refused.code == 1);
    CHECK_MESSAGE(contains(refused.err, "bf16 needs AVX-512, baseline is in use; use --precision f32"), refused.err);
    if (!test::can_emulate_bf16()) {
        MESSAGE("skipped: not even emulated bf16 without AVX-512");
        return;
    }
    const Outcome done = predict("half", "bf16", {"PURNET_BF16=emulate"});
    REQUIRE_MESSAGE(done.code == 0, done.err);
    REQUIRE(predict("float", "f32", {}).code == 0);
    const std::vector<float> half = to_float32(read_npy(folder / "half/photo.npy")),
                             floats = to_float32(read_npy(folder / "float/photo.npy"));
    REQUIRE(half.size() == floats.size());
    double difference = 0;
    for (size_t i = 0; i < half.size(); ++i) difference += std::fabs(static_cast<double>(half[i] - floats[i]));
    CHECK(difference / static_cast<double>(half.size()) < 0.01);
    CHECK(half != floats);
}

TEST_CASE("predict: a watched folder until Ctrl-C") {
    const TemporaryFolder folder;
    const std::string weights = test::write_small_weights(folder / "w.safetensors"), photo = put(folder / "photo.png", 40, 30);
    fs::create_directories(folder / "in");
    const std::string in = folder / "in", out = folder / "out";
    test::RunningProgram program({"predict", "--weights", weights, "--watch", "--settle", "0.1", "--out", out, in});
    fs::copy_file(photo, folder / "in/late.png");
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (!fs::exists(folder / "out/late.png") && std::chrono::steady_clock::now() < end) ::usleep(50000);
    CHECK(fs::exists(folder / "out/late.png"));
    program.signal(SIGINT);
    const Outcome outcome = program.wait();
    CAPTURE(outcome.err);
    CHECK(outcome.code == 0);
    CHECK(contains(outcome.err, "1 pictures in"));
}

TEST_CASE("predict: without --weights the network that comes with the program tells an astronaut from the wall behind her") {
    const TemporaryFolder folder;
    const fs::path photo = test::program_path().parent_path().parent_path() / "docs/photos/astronaut.jpg";
    const Outcome outcome = run_program({"predict", "--out", folder / "mask.png", photo});
    REQUIRE_MESSAGE(outcome.code == 0, outcome.err);
    const Image mask = read_grey(folder / "mask.png");
    const auto at = [&](double x, double y) { return int{*mask.at(static_cast<int>(x * mask.width), static_cast<int>(y * mask.height))}; };
    CHECK(at(0.40, 0.20) > 200);  // face
    CHECK(at(0.35, 0.60) > 200);  // suit
    CHECK(at(0.65, 0.10) < 50);   // wall
    CHECK(at(0.02, 0.30) < 50);   // flag
}

}  // namespace purnet
