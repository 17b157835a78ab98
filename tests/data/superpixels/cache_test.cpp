// The folder of superpixels: never another result, whatever lies in it and whoever else uses it.
#include "data/superpixels/cache.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/formats/atomic_file.h"
#include "data/image/decode.h"
#include "data/image/encode.h"
#include "data/loader/loader.h"
#include "tests/support/pictures.h"
#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t plenty = 1 << 20;
const SlicOptions options{20, 10, 10};

Image picture(int i) {
    Image image = test::pattern(61, 47, 3);
    for (size_t k = 0; k < image.pixels.size(); k += 3) image.pixels[k] = static_cast<uint8_t>(image.pixels[k] + 11 * i);
    return image;
}

std::vector<fs::path> entries(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

bool equal(const Superpixels& a, const Superpixels& b) { return a.labels == b.labels && a.count == b.count; }

void make_old(const fs::path& path, int hours) {
    timespec times[2];
    ::clock_gettime(CLOCK_REALTIME, &times[0]);
    times[0].tv_sec -= 3600L * hours;
    times[1] = times[0];
    REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("superpixel cache: what is found equals what is computed, for every picture and setting its own") {
    const test::TemporaryFolder folder;
    const std::vector<SlicOptions> settings{options, {21, 10, 10}, {20, 11, 10}, {20, 10, 9}};
    for (int round = 0; round < 2; ++round) {
        SuperpixelCache cache(folder / "deep/er", plenty, nullptr);
        for (int i = 0; i < 5; ++i) CHECK(equal(cache.get(picture(i), options), slic(picture(i), options)));
        for (const SlicOptions& setting : settings) CHECK(equal(cache.get(picture(2), setting), slic(picture(2), setting)));
        CHECK(cache.counts().found == (round == 0 ? 1 : 9));
        CHECK(cache.counts().computed == (round == 0 ? 8 : 0));
    }
    CHECK(entries(folder / "deep/er").size() == 8);
    // The same bytes in another shape are another picture.
    SuperpixelCache cache(folder / "deep/er", plenty, nullptr);
    Image turned = picture(0);
    std::swap(turned.width, turned.height);
    CHECK(equal(cache.get(turned, options), slic(turned, options)));
    CHECK(cache.counts().computed == 1);
}

TEST_CASE("superpixel cache: damage of every kind is noticed and mended") {
    const test::TemporaryFolder folder;
    const Image image = picture(0), other = picture(1);
    const Superpixels wanted = slic(image, options);
    SuperpixelCache(folder.path(), plenty, nullptr).get(image, options);
    const fs::path path = entries(folder.path()).at(0);
    const std::vector<uint8_t> good = read_picture_bytes(path);
    CHECK(good.size() < image.pixels.size() / 3);  // smaller than a byte a pixel
    SuperpixelCache(folder.path(), plenty, nullptr).get(other, options);
    std::vector<std::vector<uint8_t>> damaged{{}, {'x'}};
    for (size_t i = 0; i < good.size(); i += 7) {
        damaged.push_back(good);
        damaged.back()[i] ^= 0x40;
    }
    for (size_t cut = 1; cut < good.size(); cut += 29) damaged.emplace_back(good.begin(), good.end() - static_cast<std::ptrdiff_t>(cut));
    damaged.push_back(good);
    damaged.back().push_back(0);
    for (const fs::path& file : entries(folder.path()))
        if (file != path) damaged.push_back(read_picture_bytes(file));  // whole, but another picture's
    for (const std::vector<uint8_t>& bytes : damaged) {
        atomic_write(path, bytes);
        SuperpixelCache cache(folder.path(), plenty, nullptr);
        CHECK(equal(cache.get(image, options), wanted));
        CHECK(cache.counts().damaged == 1);
        CHECK(read_picture_bytes(path) == good);
    }
}

TEST_CASE("superpixel cache: the size is kept, what was used longest ago gives way, what is used now does not") {
    const test::TemporaryFolder folder;
    {
        SuperpixelCache cache(folder.path(), plenty, nullptr);
        for (int i = 0; i < 6; ++i) cache.get(picture(i), options);
    }
    const std::vector<fs::path> before = entries(folder.path());
    REQUIRE(before.size() == 6);
    uint64_t bytes = 0, largest = 0;
    for (const fs::path& path : before) {
        bytes += fs::file_size(path);
        largest = std::max<uint64_t>(largest, fs::file_size(path));
        make_old(path, 5);
    }
    std::vector<std::string> said;
    SuperpixelCache cache(folder.path(), bytes, [&](const std::string& text) { said.push_back(text); });
    for (int i = 0; i < 3; ++i) cache.get(picture(i), options);  // used now
    CHECK(cache.counts().found == 3);
    for (int i = 10; i < 12; ++i) cache.get(picture(i), options);
    CHECK(cache.counts().removed >= 2);
    CHECK(said.empty());
    for (int i = 12; i < 20; ++i) CHECK(equal(cache.get(picture(i), options), slic(picture(i), options)));
    CHECK(said.size() == 1);
    CHECK(said.at(0).find("is full") != std::string::npos);
    uint64_t now = 0;
    for (const fs::path& path : entries(folder.path())) now += fs::file_size(path);
    CHECK(now <= bytes);
    CHECK(now > bytes - 2 * largest);
    for (int i = 0; i < 3; ++i) cache.get(picture(i), options);
    CHECK(cache.counts().found == 6);
}

TEST_CASE("superpixel cache: a folder that can't be written is said once and still read") {
    const test::TemporaryFolder folder;
    SuperpixelCache(folder.path(), plenty, nullptr).get(picture(0), options);
    std::vector<std::string> said;
    // Permissions don't hold root back: the child becomes nobody.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int code = 1;
        try {
            SuperpixelCache cache(folder.path(), plenty, [&](const std::string& text) { said.push_back(text); });
            ::chmod(folder.path().c_str(), 0555);
            if (::geteuid() == 0 && ::seteuid(65534) != 0) ::_exit(77);
            const bool right = equal(cache.get(picture(0), options), slic(picture(0), options)) &&
                               equal(cache.get(picture(1), options), slic(picture(1), options)) &&
                               equal(cache.get(picture(2), options), slic(picture(2), options));
            const bool once = said.size() == 1 && said[0].find("superpixels can't be stored: Permission denied") != std::string::npos;
            code = right && once && cache.counts().found == 1 ? 0 : 2;
        } catch (...) {
            code = 3;
        }
        ::_exit(code);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    ::chmod(folder.path().c_str(), 0755);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    atomic_write(folder / "file", std::string("here"));
    REFUSED(SuperpixelCache(folder / "file", plenty, nullptr), "file: the folder for superpixels can't be made");
}

TEST_CASE("superpixel cache: threads and processes share a folder") {
    const test::TemporaryFolder folder;
    std::vector<Superpixels> wanted;
    for (int i = 0; i < 12; ++i) wanted.push_back(slic(picture(i), options));
    const auto use = [&](int shift) {
        SuperpixelCache cache(folder.path(), plenty, nullptr);
        std::vector<std::thread> threads;
        std::atomic<int> wrong = 0;
        for (int t = 0; t < 3; ++t)
            threads.emplace_back([&, t] {
                for (int i = 0; i < 36; ++i) {
                    const int k = (i * 5 + t + shift) % 12;
                    wrong += !equal(cache.get(picture(k), options), wanted[static_cast<size_t>(k)]);
                }
            });
        for (std::thread& thread : threads) thread.join();
        return wrong.load() + static_cast<int>(cache.counts().damaged);
    };
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(std::min(use(4), 100));
    const int own = use(0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(own == 0);
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(entries(folder.path()).size() == 12);  // and no temporary
}

TEST_CASE("superpixel cache: batches of the loader are the same with and without it, flipped, turned, cut and scaled") {
    const test::TemporaryFolder folder;
    fs::create_directories(folder / "set/images");
    fs::create_directories(folder / "set/masks");
    for (int i = 0; i < 5; ++i) {
        const std::string name = "p" + std::to_string(i) + ".png";
        atomic_write(folder / "set/images" / name, encode_png(picture(i)));
        atomic_write(folder / "set/masks" / name, encode_png(test::pattern(61, 47, 1)));
    }
    const DataSet set = open_data((folder / "set").string());
    LoaderOptions loader_options{.size = 40,
                                 .multi_scale = {40, 56},
                                 .batch = 3,
                                 .seed = 9,
                                 .augment = {.rotate = 15, .crop = 0.2, .brightness = 0.2},
                                 .superpixels = 12,
                                 .cache_bytes = 0};
    std::vector<Batch> wanted;
    {
        Loader loader(set, {}, loader_options);
        for (int i = 0; i < 6; ++i) wanted.push_back(loader.next());
    }
    for (int round = 0; round < 2; ++round) {
        loader_options.superpixel_cache = std::make_shared<SuperpixelCache>(folder / "cache", plenty, nullptr);
        Loader loader(set, {}, loader_options);
        for (const Batch& batch : wanted) {
            const Batch same = loader.next();
            CHECK(same.rgb == batch.rgb);
            CHECK(same.labels == batch.labels);
        }
        CHECK(loader_options.superpixel_cache->counts().found >= (round == 0 ? 13 : 18));
        CHECK(loader_options.superpixel_cache->counts().computed == (round == 0 ? 5 : 0));
    }
}

}  // namespace purnet
