#include "core/formats/atomic_file.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "tests/support/refused.h"
#include "tests/support/temporary_folder.h"

using namespace purnet;
namespace fs = std::filesystem;

namespace {

std::string content(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

size_t entries(const fs::path& folder) {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("atomic file: new, replaced, and large content") {
    test::TemporaryFolder folder;
    atomic_write(folder / "a", "first");
    CHECK(content(folder / "a") == "first");
    atomic_write(folder / "a", "second");
    CHECK(content(folder / "a") == "second");

    AtomicFile file(folder / "b");
    std::string expected;
    for (int i = 0; i < 3000; ++i) {
        const std::string part(static_cast<size_t>(i % 701), static_cast<char>('a' + i % 26));
        file.write(part);
        expected += part;
    }
    CHECK(file.written() == expected.size());
    CHECK(!fs::exists(folder / "b"));
    file.commit();
    CHECK(content(folder / "b") == expected);
    CHECK(entries(folder.path()) == 2);
    REFUSED(file.write("x"), "after it was closed");
}

TEST_CASE("atomic file: without commit the old file stays and no temporary is left") {
    test::TemporaryFolder folder;
    atomic_write(folder / "a", "old");
    {
        AtomicFile file(folder / "a");
        file.write(std::string(1 << 20, 'x'));
    }
    CHECK(content(folder / "a") == "old");
    CHECK(entries(folder.path()) == 1);
}

TEST_CASE("atomic file: names of the longest length, links, permissions") {
    test::TemporaryFolder folder;
    const std::string longest(255, 'n');
    atomic_write(folder / longest, "x");
    CHECK(content(folder / longest) == "x");

    atomic_write(folder / "real", "1");
    fs::permissions(folder / "real", fs::perms::owner_read | fs::perms::owner_write);
    fs::create_symlink("real", folder / "link");
    atomic_write(folder / "link", "2");
    CHECK(fs::is_symlink(folder / "link"));
    CHECK(content(folder / "real") == "2");
    CHECK(fs::status(folder / "real").permissions() == (fs::perms::owner_read | fs::perms::owner_write));
}

TEST_CASE("atomic file: what can't be written is one sentence") {
    test::TemporaryFolder folder;
    REFUSED(AtomicFile(folder / "absent/file"), "its folder does not exist");
    REFUSED(AtomicFile(folder.path()), "it is a folder");
    atomic_write(folder / "plain", "x");
    REFUSED(AtomicFile(folder / "plain/file"), "no folder");
    REFUSED(AtomicFile(""), "a file name is needed");
    if (::geteuid() == 0) {
        MESSAGE("skipped: running as root, whom permissions do not stop");
        return;
    }
    fs::permissions(folder / "plain", fs::perms::owner_read);
    REFUSED(AtomicFile(folder / "plain"), "no permission");
    CHECK(content(folder / "plain") == "x");
}

TEST_CASE("atomic file: a full device is reported") {
    if (!fs::exists("/dev/full")) {
        MESSAGE("skipped: no /dev/full here");
        return;
    }
    REFUSED(atomic_write("/dev/full", "x"), "/dev/full: can't be written: the disk is full");
    CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("atomic file: when space ends midway the old file stays and the temporary goes") {
    test::TemporaryFolder folder;
    atomic_write(folder / "a", "old");
    // The system's limit on file sizes stands in for a disk that fills: the write fails at the same place.
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{1 << 20, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const std::string message = test::message_of([&] {
        AtomicFile file(folder / "a");
        const std::string part(1 << 16, 'x');
        for (int i = 0; i < 64; ++i) file.write(part);
        file.commit();
    });
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    CHECK(message.find("can't be written: the file would be larger than is allowed here") != std::string::npos);
    CHECK(content(folder / "a") == "old");
    CHECK(entries(folder.path()) == 1);
}
