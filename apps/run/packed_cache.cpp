#include "apps/run/packed_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "apps/run/version.h"
#include "core/formats/atomic_file.h"
#include "core/formats/content_hash.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

constexpr const char* suffix = ".packed";
constexpr std::chrono::seconds coarsest_clock(2);
constexpr std::chrono::hours oldest_temporary(1);

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::string words(const struct stat& status) {
    return concat("inode ", status.st_ino, ", ", status.st_size, " bytes, ", nanoseconds(status.st_mtim), ", ",
                  nanoseconds(status.st_ctim));
}

std::string hexadecimal(uint64_t value) {
    std::string text(16, '0');
    for (size_t i = text.size(); i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
    return text;
}

}  // namespace

std::string state_of_file(const fs::path& file) {
    struct stat status {};
    timespec now{};
    if (::stat(file.c_str(), &status) != 0 || ::clock_gettime(CLOCK_REALTIME, &now) != 0) return {};
    const int64_t settled = nanoseconds(now) - std::chrono::nanoseconds(coarsest_clock).count();
    if (std::max(nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)) > settled) return {};
    return concat(file.string(), "; ", words(status));
}

std::string state_of_program() {
    struct stat status {};
    const bool known = ::stat("/proc/self/exe", &status) == 0;
    return concat(program_version(), "; ", build_description(), "; ", known ? words(status) : "its file unknown", "; ",
                  processor_description(), "; ", library_versions());
}

PackedCache::PackedCache(fs::path folder, uint64_t most_bytes) : folder_(std::move(folder)), most_bytes_(most_bytes) {}

fs::path PackedCache::file_of(const std::string& key) const {
    return folder_ / (hexadecimal(content_hash(key.data(), key.size())) + suffix);
}

std::unique_ptr<PackedFile> PackedCache::find(const std::string& key, std::string& why) const {
    const fs::path file = file_of(key);
    std::error_code error;
    if (!fs::exists(fs::symlink_status(file, error))) return nullptr;
    try {
        auto found = std::make_unique<PackedFile>(file, key);
        ::utimensat(AT_FDCWD, file.c_str(), nullptr, 0);  // used now; where that is refused it only goes earlier
        return found;
    } catch (const Error& refused) {
        why = refused.what();
        return nullptr;
    }
}

void PackedCache::keep(const std::string& key, const PackedNotes& notes, const PackedWeights& weights) const {
    const uint64_t bytes = packed_file_bytes(weights);
    require(bytes <= most_bytes_, folder_.string(), ": ", bytes >> 20, " MiB of packed weights are more than the ", most_bytes_ >> 20,
            " MiB that are kept there");
    const bool is_new = fs::create_directories(folder_);
    if (is_new) fs::permissions(folder_, fs::perms::owner_all);
    const fs::space_info space = fs::space(folder_);
    require(space.available / 2 >= bytes, folder_.string(), ": only ", space.available >> 20, " MiB are free");
    const fs::path file = file_of(key);
    write_packed_file(file, key, notes, weights);
    make_room(file);
}

void PackedCache::make_room(const fs::path& but) const {
    struct Found {
        fs::file_time_type used;
        fs::path path;
        uint64_t bytes;
    };
    std::vector<Found> files;
    uint64_t all = 0;
    std::error_code error;  // what cannot be looked at, because another process has taken it away, is not there
    const auto now = fs::file_time_type::clock::now();
    for (fs::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
        std::error_code ignored;
        const Found found{at->last_write_time(ignored), at->path(), at->file_size(ignored)};
        if (ignored || !at->is_regular_file(ignored)) continue;
        if (found.path.extension() == suffix) {
            all += found.bytes;
            if (found.path != but) files.push_back(found);
        } else if (is_unfinished_write(found.path) && now - found.used > oldest_temporary) {
            fs::remove(found.path, ignored);
        }
    }
    std::sort(files.begin(), files.end(), [](const Found& a, const Found& b) { return a.used < b.used; });
    for (const Found& found : files) {
        if (all <= most_bytes_) break;
        std::error_code ignored;
        fs::remove(found.path, ignored);
        all -= found.bytes;
    }
}

}  // namespace purnet
