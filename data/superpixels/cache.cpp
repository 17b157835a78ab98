#include "data/superpixels/cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "core/formats/byte_source.h"
#include "data/check/perceptual_hash.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

constexpr char magic[9] = "PURSP01\n";
constexpr const char* suffix = ".superpixels";
constexpr const char* temporary = ".superpixels-";  // begins the names of unfinished files
constexpr size_t header_size = 44;
constexpr int64_t second = 1'000'000'000;

using Bytes = std::vector<uint8_t>;
using Key = std::array<uint64_t, 2>;

Key key_of(const Image& rgb, const SlicOptions& options) {
    const uint64_t settings[] = {slic_version,
                                 static_cast<uint64_t>(rgb.width),
                                 static_cast<uint64_t>(rgb.height),
                                 static_cast<uint64_t>(options.regions),
                                 std::bit_cast<uint64_t>(options.compactness),
                                 static_cast<uint64_t>(options.iterations)};
    Key key;
    for (uint64_t half = 0; half < 2; ++half)
        key[half] = content_hash(rgb.pixels.data(), rgb.pixels.size(), content_hash(settings, sizeof settings, half + 1));
    return key;
}

std::string file_name_of(const Key& key) {
    char text[33];
    std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(key[0]), static_cast<unsigned long long>(key[1]));
    return std::string(text) + suffix;
}

template <class T>
void store_le(uint8_t* at, T value) {
    for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

uint32_t checksum_of(const Bytes& entry) {
    const uLong head = crc32_z(crc32_z(0, nullptr, 0), entry.data(), header_size - 4);
    return static_cast<uint32_t>(crc32_z(head, entry.data() + header_size, entry.size() - header_size));
}

Bytes pack(const Key& key, const Superpixels& regions) {
    const LabelMap& labels = regions.labels;
    const size_t row = labels.row_size(), count = labels.pixels.size();
    Bytes plain(2 * count);
    for (size_t i = 0; i < count; ++i) {
        const auto above = static_cast<uint32_t>(i >= row ? labels.pixels[i - row] : 0);
        store_le(plain.data() + 2 * i, static_cast<uint16_t>(static_cast<uint32_t>(labels.pixels[i]) - above));
    }
    uLongf size = compressBound(static_cast<uLong>(plain.size()));
    Bytes entry(header_size + size);
    require(compress2(entry.data() + header_size, &size, plain.data(), static_cast<uLong>(plain.size()), 1) == Z_OK,
            "superpixels can't be packed; is there memory left?");
    entry.resize(header_size + size);
    std::memcpy(entry.data(), magic, 8);
    for (size_t half = 0; half < 2; ++half) store_le(entry.data() + 8 + 8 * half, key[half]);
    store_le(entry.data() + 24, static_cast<uint32_t>(labels.width));
    store_le(entry.data() + 28, static_cast<uint32_t>(labels.height));
    store_le(entry.data() + 32, static_cast<uint32_t>(regions.count));
    store_le(entry.data() + 36, static_cast<uint32_t>(size));
    store_le(entry.data() + 40, checksum_of(entry));
    return entry;
}

// Nothing for whatever is not the whole entry of this key. The size of what comes out is the picture's own, not the file's word.
std::optional<Superpixels> unpack(const Bytes& entry, const Key& key, const Image& rgb) {
    if (entry.size() < header_size || std::memcmp(entry.data(), magic, 8) != 0) return std::nullopt;
    const uint8_t* head = entry.data();
    if (load_le<uint64_t>(head + 8) != key[0] || load_le<uint64_t>(head + 16) != key[1]) return std::nullopt;
    if (load_le<uint32_t>(head + 24) != static_cast<uint32_t>(rgb.width)) return std::nullopt;
    if (load_le<uint32_t>(head + 28) != static_cast<uint32_t>(rgb.height)) return std::nullopt;
    const uint32_t count = load_le<uint32_t>(head + 32), size = load_le<uint32_t>(head + 36);
    if (size != entry.size() - header_size || load_le<uint32_t>(head + 40) != checksum_of(entry)) return std::nullopt;
    Superpixels regions{LabelMap(rgb.width, rgb.height, 1), static_cast<int>(count)};
    std::vector<int32_t>& labels = regions.labels.pixels;
    Bytes plain(2 * labels.size());
    uLongf got = static_cast<uLongf>(plain.size());
    if (uncompress(plain.data(), &got, head + header_size, size) != Z_OK || got != plain.size()) return std::nullopt;
    const size_t row = regions.labels.row_size();
    for (size_t i = 0; i < labels.size(); ++i) {
        const uint32_t above = i >= row ? static_cast<uint32_t>(labels[i - row]) : 0;
        labels[i] = static_cast<uint16_t>(above + load_le<uint16_t>(plain.data() + 2 * i));
        if (static_cast<uint32_t>(labels[i]) >= count) return std::nullopt;
    }
    return regions;
}

// Closes and, unless it was renamed, removes a temporary file.
struct Temporary {
    int file = -1;
    std::string path;
    ~Temporary() {
        if (file >= 0) ::close(file);
        if (!path.empty()) ::unlink(path.c_str());
    }
};

int64_t time_of(const struct stat& status) { return status.st_mtim.tv_sec * second + status.st_mtim.tv_nsec; }

}  // namespace

struct SuperpixelCache::State {
    struct Old {
        fs::path path;
        uint64_t size = 0;
        int64_t used = 0;
    };

    fs::path folder;
    uint64_t most_bytes;
    Report report;
    int64_t begin = 0;  // the folder's clock: that of a file server may differ from ours

    mutable std::mutex mutex;
    Counts counts;
    uint64_t bytes = 0;
    std::deque<Old> old;  // those of before, longest unused first
    bool storing = true;

    void look_around() {
        std::error_code error;
        fs::create_directories(folder, error);
        std::error_code ignored;
        require(fs::is_directory(folder, ignored), folder.string(), ": the folder for superpixels can't be made",
                error ? ": " + error.message() : " where something else lies");
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        begin = now.tv_sec * second + now.tv_nsec;
        for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
            const std::string name = entry->path().filename().string();
            struct stat status {};
            if (::stat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
            if (name.ends_with(suffix)) {
                old.push_back({entry->path(), static_cast<uint64_t>(status.st_size), time_of(status)});
                bytes += static_cast<uint64_t>(status.st_size);
            } else if (name.starts_with(temporary) && time_of(status) < begin - 3600 * second) {
                ::unlink(entry->path().c_str());  // of a process that was killed
            }
        }
        std::sort(old.begin(), old.end(), [](const Old& a, const Old& b) { return a.used != b.used ? a.used < b.used : a.path < b.path; });
    }

    std::optional<Superpixels> find(const fs::path& path, const Key& key, const Image& rgb) {
        Bytes entry;
        try {
            const ByteSource source(path);
            // An entry can't be larger than its labels, give or take what zlib adds.
            if (source.size() <= header_size + compressBound(static_cast<uLong>(2 * rgb.pixels.size())))
                entry = source.read(0, static_cast<size_t>(source.size()));
        } catch (const Error&) {
            return std::nullopt;
        }
        std::optional<Superpixels> regions = unpack(entry, key, rgb);
        if (regions) ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // used now; a folder that can't be written keeps its times
        const std::lock_guard lock(mutex);
        ++(regions ? counts.found : counts.damaged);
        return regions;
    }

    // Room for `size` more bytes. Under the lock.
    bool make_room(uint64_t size) {
        while (bytes + size > most_bytes && !old.empty()) {
            const Old oldest = old.front();
            old.pop_front();
            struct stat status {};
            if (::stat(oldest.path.c_str(), &status) != 0) {
                bytes -= std::min(bytes, oldest.size);  // another process removed it
            } else if (time_of(status) < begin && ::unlink(oldest.path.c_str()) == 0) {
                bytes -= std::min(bytes, oldest.size);
                ++counts.removed;
            }
        }
        return bytes + size <= most_bytes;
    }

    void store(const fs::path& path, const Bytes& entry) {
        {
            const std::lock_guard lock(mutex);
            if (!storing) return;
            if (!make_room(entry.size())) {
                stop_storing(concat(folder.string(), ": is full (", most_bytes >> 20, " MiB); further superpixels are not stored"));
                return;
            }
            bytes += entry.size();
        }
        // Not synced: an entry that a crash of the machine cuts is noticed and written anew.
        Temporary file;
        file.path = (folder / (std::string(temporary) + "XXXXXX")).string();
        file.file = ::mkstemp(file.path.data());
        if (file.file < 0) {
            file.path.clear();
            refuse(errno);
            return;
        }
        ::fchmod(file.file, 0644);
        for (size_t at = 0; at < entry.size();) {
            const ssize_t written = ::write(file.file, entry.data() + at, entry.size() - at);
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) {
                refuse(errno);
                return;
            }
            at += static_cast<size_t>(written);
        }
        if (::rename(file.path.c_str(), path.c_str()) != 0)
            refuse(errno);
        else
            file.path.clear();
    }

    void refuse(int code) {
        const std::lock_guard lock(mutex);
        stop_storing(concat(folder.string(), ": superpixels can't be stored: ", std::strerror(code), "; they are computed where missing"));
    }

    // Under the lock, and said once.
    void stop_storing(const std::string& why) {
        if (storing && report) report(why);
        storing = false;
    }
};

SuperpixelCache::SuperpixelCache(const fs::path& folder, uint64_t most_bytes, Report report) : state_(std::make_unique<State>()) {
    state_->folder = folder;
    state_->most_bytes = most_bytes;
    state_->report = std::move(report);
    state_->look_around();
}

SuperpixelCache::~SuperpixelCache() = default;

Superpixels SuperpixelCache::get(const Image& rgb, const SlicOptions& options) {
    const Key key = key_of(rgb, options);
    const fs::path path = state_->folder / file_name_of(key);
    if (std::optional<Superpixels> found = state_->find(path, key, rgb)) return std::move(*found);
    Superpixels regions = slic(rgb, options);
    {
        const std::lock_guard lock(state_->mutex);
        ++state_->counts.computed;
    }
    // Labels beyond 16 bits come from pictures that no network is trained on.
    if (regions.count <= 65536) state_->store(path, pack(key, regions));
    return regions;
}

SuperpixelCache::Counts SuperpixelCache::counts() const {
    const std::lock_guard lock(state_->mutex);
    return state_->counts;
}

}  // namespace purnet
