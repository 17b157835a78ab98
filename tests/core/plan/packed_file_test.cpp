// Packed weights that are kept: a plan made from them computes the same bits, and a file of them that is not what it should be is refused.
#include "core/plan/packed_file.h"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <thread>

#include "apps/run/bus_error.h"
#include "core/formats/atomic_file.h"
#include "core/formats/byte_source.h"
#include "core/ops/activation.h"
#include "core/ops/batch_norm.h"
#include "core/ops/conv2d.h"
#include "core/ops/conv_transpose2d.h"
#include "core/parameter.h"
#include "core/plan/plan.h"
#include "core/random/philox.h"
#include "kernels/runtime/parallel.h"
#include "tests/support/bf16.h"
#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

std::vector<double> numbers(int64_t count, const std::string& name, double low, double high) {
    const RandomStream stream(12, name);
    std::vector<double> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); ++i) values[i] = low + (high - low) * static_cast<double>(stream.uniform(0, i));
    return values;
}

// By name, with values or without.
class Weights {
public:
    explicit Weights(Values values) : store_(Device{}, DType::f32, values), values_(values) {}
    Tensor operator()(const std::string& name, const Shape& shape, double low = -1, double high = 1) {
        if (const Parameter* known = store_.find(name)) return known->value;
        Parameter& p = store_.add(name, shape);
        if (values_ == Values::zero) p.value.copy_from(Tensor::from(numbers(shape.count(), name, low, high).data(), shape));
        return p.value;
    }

private:
    ParameterStore store_;
    Values values_;
};

// Convolutions that take every way of packing, batch norm with each activation, a batch norm and a PReLU that nothing takes in.
Network sample_network(Weights& w, int64_t channels = 32) {
    return [&w, channels](const std::vector<Tensor>& in) {
        const auto norm = [&](const std::string& n, const Tensor& x, Activation activation, const Tensor& after = {}) {
            return ops::batch_norm(x, w(n + ".gamma", {channels}, 0.5, 1.5), w(n + ".beta", {channels}), w(n + ".mean", {channels}),
                                   w(n + ".var", {channels}, 0.5, 2), {.training = false, .activation = activation},
                                   activation == Activation::prelu ? w(n + ".slope", {1}, 0.1, 0.3) : Tensor(), {}, after);
        };
        const int64_t c = channels;
        const Tensor stem = norm("n1", ops::conv2d(in[0], w("c1.weight", {c, 3, 3, 3}), {}, {.pads = {1, 1, 1, 1}}), Activation::prelu);
        const Tensor a = norm("n2", ops::conv2d(stem, w("c2.weight", {c, 3, 3, c}), {}, {.pads = {1, 1, 1, 1}}), Activation::relu6);
        const Tensor b = norm("n3", ops::conv2d(a, w("c3.weight", {c, 1, 1, c}), {}, {}), Activation::relu, a);
        const Tensor d = norm("n4", ops::conv2d(b, w("c4.weight", {c, 3, 3, 1}), {}, {.pads = {1, 1, 1, 1}, .groups = static_cast<int>(c)}),
                              Activation::none);
        const Tensor alone = ops::prelu(norm("n5", ops::prelu(d, w("slope", {1}, 0.1, 0.3)), Activation::none), w("slope", {1}));
        const Tensor up = ops::conv_transpose2d(alone, w("t.weight", {c, 4, 4, c}), {},
                                                {.stride = 2, .crop_top = 1, .crop_left = 1, .out_h = 24, .out_w = 20});
        return std::vector<Tensor>{up, ops::conv2d(up, w("head.weight", {1, 1, 1, c}), w("head.bias", {1}), {})};
    };
}

const Shape picture{2, 12, 10, 3};
std::vector<Tensor> like() { return {Tensor::symbolic(picture, DType::f32, {})}; }
Tensor input() { return Tensor::from(numbers(picture.count(), "x", -1, 1).data(), picture); }

void check_kept(const NarrowForms& forms, const fs::path& file) {
    Weights whole(Values::zero), absent(Values::absent);
    Plan made(like(), sample_network(whole), forms);
    const std::vector<Tensor> wanted = made.run({input()});
    write_packed_file(file, "key", {{"note", "text"}}, made.packed_weights());
    const PackedFile kept(file, "key");
    CHECK(kept.notes() == PackedNotes{{"note", "text"}});
    Plan again(like(), sample_network(absent), forms, nullptr, &kept.weights());
    CHECK(again.text() == made.text());
    const std::vector<Tensor> got = again.run({input()});
    for (size_t i = 0; i < wanted.size(); ++i) CHECK(got[i].to_floats() == wanted[i].to_floats());
}

std::vector<uint8_t> bytes_of(const fs::path& file) {
    const ByteSource source(file);
    return source.read(0, source.size());
}

// A file that a plan could have written.
struct Sample {
    explicit Sample(const fs::path& at) : file(at), large(40000), small(7) {
        for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<float>(i);
        write();
    }
    void write() const {
        const auto block = [](const std::vector<float>& values) { return std::as_bytes(std::span(values)); };
        write_packed_file(file, "key", {{"a", "b"}, {"c", ""}},
                          {{"one", 0.25f, 6, {block(large), block(small)}}, {"two", 1, 1, {block(small).first(4)}}});
    }
    fs::path file;
    std::vector<float> large, small;
};

// Of a process that ends by itself.
int exit_code(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

TEST_CASE("packed weights: a plan from a file of them computes the same bits, in float32, 8 bits and bf16") {
    const test::TemporaryFolder folder;
    check_kept({}, folder / "f32");
    Weights whole(Values::zero);
    const Ranges ranges = measure_ranges(sample_network(whole), {{input()}});
    check_kept({.eight_bit = &ranges}, folder / "int8");
    if (!test::can_emulate_bf16()) {
        MESSAGE("bf16 skipped: not even emulated without AVX-512");
        return;
    }
    const test::Bf16Wish emulate("emulate");
    check_kept({.bf16 = true}, folder / "bf16");
}

TEST_CASE("packed weights: those of another plan are refused, and absent values are never read") {
    Weights whole(Values::zero), absent(Values::absent), wider(Values::absent);
    const Plan made(like(), sample_network(whole));
    const PackedWeights kept = made.packed_weights();
    REFUSED(Plan(like(), sample_network(wider, 48), {}, nullptr, &kept), "packed weights of another plan: \"conv2d");
    PackedWeights fewer(kept.begin(), kept.begin() + 3), more = kept, other = kept;
    more.push_back(kept.back());
    other.back().what = "constant; f32 2";
    for (const PackedWeights& list : {fewer, more, other, PackedWeights()})
        REFUSED(Plan(like(), sample_network(absent), {}, nullptr, &list), "packed weights of another plan");
    PackedWeights shorter = kept;
    shorter[1].blocks[0] = shorter[1].blocks[0].first(64);
    REFUSED(Plan(like(), sample_network(absent), {}, nullptr, &shorter), "packed weights of another plan");
    REFUSED(Plan(like(), sample_network(absent)), "has no data");
}

TEST_CASE("packed file: what was written is what is mapped") {
    const test::TemporaryFolder folder;
    const Sample sample(folder / "w.packed");
    const PackedFile file(sample.file, "key");
    CHECK(file.notes() == PackedNotes{{"a", "b"}, {"c", ""}});
    REQUIRE(file.weights().size() == 2);
    const PackedEntry& one = file.weights()[0];
    CHECK(one.what == "one");
    CHECK(one.slope == 0.25f);
    CHECK(one.top == 6);
    REQUIRE(one.blocks.size() == 2);
    CHECK(one.blocks[0].size() == 160000);
    CHECK(std::memcmp(one.blocks[0].data(), sample.large.data(), 160000) == 0);
    CHECK(std::memcmp(one.blocks[1].data(), sample.small.data(), 28) == 0);
    CHECK(reinterpret_cast<uintptr_t>(one.blocks[1].data()) % 256 == 0);
    CHECK(PackedFile::holds(one.blocks[0].data()));
    CHECK(!PackedFile::holds(sample.large.data()));
    struct stat status {};
    REQUIRE(::stat(sample.file.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("packed file: another key, cut short, one bit wrong, foreign, writable by others: refused") {
    const test::TemporaryFolder folder;
    const Sample sample(folder / "w.packed");
    REFUSED(PackedFile(sample.file, "other"), "was made from other weights");
    REFUSED(PackedFile(folder / "none", "key"), "can't be opened");
    const std::vector<uint8_t> whole = bytes_of(sample.file);
    const fs::path damaged = folder / "d.packed";
    const auto refused = [&](const std::vector<uint8_t>& bytes) {
        atomic_write(damaged, bytes);
        fs::permissions(damaged, fs::perms::owner_read | fs::perms::owner_write);
        CHECK_THROWS_AS(PackedFile(damaged, "key"), Error);
    };
    for (const size_t length : {size_t{0}, size_t{1}, size_t{39}, size_t{40}, size_t{100}, whole.size() / 2, whole.size() - 1})
        refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    std::vector<uint8_t> longer = whole;
    longer.push_back(0);
    refused(longer);
    // Every byte of the header, and some of each block; what lies between is nobody's.
    std::vector<size_t> places;
    for (size_t at = 0; at < 40 + load_le<uint64_t>(whole.data() + 24); ++at) places.push_back(at);
    for (size_t at = 4096; at < 4096 + 160000; at += 1999) places.push_back(at);
    places.push_back(whole.size() - 1);
    for (const size_t at : places) {
        INFO(at);
        std::vector<uint8_t> flipped = whole;
        flipped[at] ^= static_cast<uint8_t>(1 << at % 8);
        refused(flipped);
    }
    refused(std::vector<uint8_t>(5000, 'x'));
    for (const mode_t mode : {0620, 0602}) {
        atomic_write(damaged, whole);
        ::chmod(damaged.c_str(), mode);
        REFUSED(PackedFile(damaged, "key"), "others may write to it");
    }
    fs::create_symlink(sample.file, folder / "link");
    CHECK_THROWS_AS(PackedFile(folder / "link", "key"), Error);
    REFUSED(PackedFile(folder / ".", "key"), "is no regular file");
    if (::geteuid() == 0) {
        REQUIRE(::chown(sample.file.c_str(), 12345, 12345) == 0);
        REFUSED(PackedFile(sample.file, "key"), "belongs to somebody else");
    }
}

TEST_CASE("packed file: several writers and readers at once meet whole files") {
    const test::TemporaryFolder folder;
    const Sample sample(folder / "w.packed");
    std::atomic<int> refusals{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            const SerialScope serial;
            for (int i = 0; i < 20; ++i) try {
                    if (t < 2)
                        sample.write();
                    else
                        refusals += PackedFile(sample.file, "key").weights().size() != 2;
                } catch (const Error&) {
                    ++refusals;
                }
        });
    for (std::thread& thread : threads) thread.join();
    CHECK(refusals == 0);
    CHECK(std::distance(fs::directory_iterator(folder / "."), fs::directory_iterator()) == 1);
}

TEST_CASE("packed file: a full disk is an error of the writer, and leaves the old file") {
    const test::TemporaryFolder folder;
    const fs::path disk = folder / "disk";
    fs::create_directory(disk);
    if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=256k") != 0) {
        MESSAGE("skipped: only root may mount a small disk");
        return;
    }
    {
        const Sample sample(disk / "w.packed");
        REFUSED(sample.write(), "the disk is full");
        CHECK(PackedFile(sample.file, "key").weights().size() == 2);
        CHECK(std::distance(fs::directory_iterator(disk), fs::directory_iterator()) == 1);
    }
    ::umount(disk.c_str());
}

TEST_CASE("packed file: cut short while it is mapped, the program ends with a sentence") {
    const test::TemporaryFolder folder;
    const Sample sample(folder / "w.packed");
    const PackedFile file(sample.file, "key");
    const std::string err = (folder / "err").string();
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (!std::freopen(err.c_str(), "w", stderr)) ::_exit(7);
        explain_bus_errors();
        if (::truncate(sample.file.c_str(), 0) != 0) ::_exit(8);
        const volatile std::byte* const last = file.weights()[0].blocks[1].data();
        ::_exit(static_cast<int>(*last) + 50);
    }
    CHECK(exit_code(child) == 1);
    const std::vector<uint8_t> said = bytes_of(err);
    CHECK(std::string(said.begin(), said.end()).find("the file of packed weights became shorter") != std::string::npos);
    // Another bus error stays one.
    const pid_t other = ::fork();
    REQUIRE(other >= 0);
    if (other == 0) {
        explain_bus_errors();
        ::raise(SIGBUS);
        ::_exit(9);
    }
    CHECK(exit_code(other) == 128 + SIGBUS);
}

}  // namespace purnet
