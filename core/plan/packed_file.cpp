#include "core/plan/packed_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "core/formats/atomic_file.h"
#include "core/formats/byte_source.h"
#include "core/formats/content_hash.h"
#include "kernels/runtime/parallel_by_weight.h"

namespace purnet {
namespace {

constexpr std::string_view magic = "purnet packed 1\n";
constexpr size_t start_bytes = magic.size() + 3 * sizeof(uint64_t);
constexpr uint64_t most_header = uint64_t{16} << 20;
constexpr uint64_t page = 4096, line = 256;
constexpr size_t huge_page = size_t{2} << 20;

uint64_t up(uint64_t bytes, uint64_t unit) { return (bytes + unit - 1) / unit * unit; }
uint64_t alignment_of(uint64_t size) { return size >= page ? page : line; }

// Mapped now, for holds(): begin and end of each, 0 where a place is free. More than there are places are not told apart.
struct Range {
    std::atomic<uintptr_t> begin{0}, end{0};
};
std::array<Range, 64> ranges;

void enter(const void* data, size_t bytes) {
    const auto begin = reinterpret_cast<uintptr_t>(data);
    for (Range& range : ranges)
        if (uintptr_t none = 0; range.begin.compare_exchange_strong(none, begin)) {
            range.end = begin + bytes;
            return;
        }
}

void leave(const void* data) {
    for (Range& range : ranges)
        if (range.begin == reinterpret_cast<uintptr_t>(data)) {
            range.end = 0;
            range.begin = 0;
            return;
        }
}

class HeaderWriter {
public:
    template <class T>
    void number(T value) {
        for (size_t i = 0; i < sizeof(T); ++i) bytes_ += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
    }
    void real(float value) { number(std::bit_cast<uint32_t>(value)); }
    void text(std::string_view value) {
        number(static_cast<uint32_t>(value.size()));
        bytes_ += value;
    }
    const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

// Every length is checked: the hash keeps accidents out, not files that were made to deceive.
class HeaderReader {
public:
    HeaderReader(const std::vector<uint8_t>& bytes, const std::string& file) : bytes_(bytes), file_(file) {}
    template <class T>
    T number() {
        return load_le<T>(take(sizeof(T)));
    }
    float real() { return std::bit_cast<float>(number<uint32_t>()); }
    std::string text() {
        const auto size = number<uint32_t>();
        const uint8_t* at = take(size);
        return {at, at + size};
    }
    // Of things that take at least so many bytes each.
    uint32_t count(size_t least) {
        const auto n = number<uint32_t>();
        require(n <= (bytes_.size() - at_) / least, file_, ": its header is damaged");
        return n;
    }

private:
    const uint8_t* take(size_t size) {
        require(size <= bytes_.size() - at_, file_, ": its header is damaged");
        at_ += size;
        return bytes_.data() + at_ - size;
    }

    const std::vector<uint8_t>& bytes_;
    const std::string& file_;
    size_t at_ = 0;
};

std::string file_start(uint64_t file_bytes, const std::string& header) {
    HeaderWriter start;
    start.number(file_bytes);
    start.number(uint64_t{header.size()});
    start.number(content_hash(header.data(), header.size()));
    return std::string(magic) + start.bytes();
}

// Where the blocks lie, one after the other; the file's size comes back.
uint64_t place_blocks(uint64_t begin, const PackedWeights& weights, std::vector<uint64_t>& offsets) {
    uint64_t at = begin;
    for (const PackedEntry& entry : weights)
        for (const PackedEntry::Bytes block : entry.blocks) {
            at = up(at, alignment_of(block.size()));
            offsets.push_back(at);
            at += block.size();
        }
    return at;
}

std::string header_of(const std::string& key, const PackedNotes& notes, const PackedWeights& weights, const std::vector<uint64_t>& offsets,
                      const std::vector<uint64_t>& hashes) {
    HeaderWriter header;
    header.text(key);
    header.number(static_cast<uint32_t>(notes.size()));
    for (const auto& [name, value] : notes) {
        header.text(name);
        header.text(value);
    }
    header.number(static_cast<uint32_t>(weights.size()));
    size_t next = 0;
    for (const PackedEntry& entry : weights) {
        header.text(entry.what);
        header.real(entry.slope);
        header.real(entry.top);
        header.number(static_cast<uint32_t>(entry.blocks.size()));
        for (const PackedEntry::Bytes block : entry.blocks) {
            header.number(offsets[next]);
            header.number(uint64_t{block.size()});
            header.number(hashes[next++]);
        }
    }
    return header.bytes();
}

std::vector<PackedEntry::Bytes> blocks_of(const PackedWeights& weights) {
    std::vector<PackedEntry::Bytes> blocks;
    for (const PackedEntry& entry : weights) blocks.insert(blocks.end(), entry.blocks.begin(), entry.blocks.end());
    return blocks;
}

std::vector<uint64_t> hashes_of(const std::vector<PackedEntry::Bytes>& blocks) {
    std::vector<uint64_t> hashes(blocks.size());
    parallel_by_weight(
        blocks.size(), [&](size_t i) { return blocks[i].size(); },
        [&](size_t i) { hashes[i] = content_hash(blocks[i].data(), blocks[i].size()); });
    return hashes;
}

// An open file that is trusted; its size.
class Opened {
public:
    explicit Opened(const std::filesystem::path& path) : name_(path.string()) {
        file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
        require(file_ >= 0, name_, ": can't be opened: ", std::strerror(errno));
        struct stat status {};
        const bool known = ::fstat(file_, &status) == 0;
        const auto refuse = [&](const char* why) {
            ::close(file_);
            fail(name_, why);
        };
        if (!known || !S_ISREG(status.st_mode)) refuse(": is no regular file");
        if (status.st_uid != ::geteuid() && status.st_uid != 0)
            refuse(": belongs to somebody else, who might change it while it is in use");
        if (status.st_mode & (S_IWGRP | S_IWOTH)) refuse(": others may write to it");
        bytes = static_cast<uint64_t>(status.st_size);
    }
    ~Opened() { ::close(file_); }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;

    std::vector<uint8_t> read(uint64_t offset, uint64_t count) const {
        std::vector<uint8_t> out(count);
        for (size_t done = 0; done < count;) {
            const ssize_t got = ::pread(file_, out.data() + done, count - done, static_cast<off_t>(offset + done));
            if (got < 0 && errno == EINTR) continue;
            require(got > 0, name_, ": can't be read: ", got < 0 ? std::strerror(errno) : "it became shorter");
            done += static_cast<size_t>(got);
        }
        return out;
    }

    // Read-only and on a border of huge pages, so that a page cache that has them gives them. Null: the system refuses.
    void* map(size_t size) const {
        void* const got = ::mmap(nullptr, size + huge_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (got == MAP_FAILED) return nullptr;
        char* const begin = reinterpret_cast<char*>(up(reinterpret_cast<uintptr_t>(got), huge_page));
        char* const end = begin + up(size, page);
        char* const got_end = static_cast<char*>(got) + up(size + huge_page, page);
        if (begin > got) ::munmap(got, static_cast<size_t>(begin - static_cast<char*>(got)));
        if (got_end > end) ::munmap(end, static_cast<size_t>(got_end - end));
        if (::mmap(begin, size, PROT_READ, MAP_SHARED | MAP_FIXED, file_, 0) == MAP_FAILED) {
            ::munmap(begin, static_cast<size_t>(end - begin));
            return nullptr;
        }
#ifdef MADV_HUGEPAGE
        ::madvise(begin, size, MADV_HUGEPAGE);  // refused: small pages serve
#endif
        return begin;
    }

    uint64_t bytes = 0;

private:
    std::string name_;
    int file_ = -1;
};

}  // namespace

PackedFile::PackedFile(const std::filesystem::path& path, const std::string& key) {
    const Opened opened(path);
    const std::string name = path.string();
    require(opened.bytes >= start_bytes, name, ": is no file of packed weights");
    const std::vector<uint8_t> start = opened.read(0, start_bytes);
    require(std::equal(magic.begin(), magic.end(), start.begin()), name, ": is no file of packed weights of this version");
    const auto size = load_le<uint64_t>(start.data() + magic.size()), length = load_le<uint64_t>(start.data() + magic.size() + 8),
               hash = load_le<uint64_t>(start.data() + magic.size() + 16);
    require(size == opened.bytes, name, ": is truncated, or damaged: ", opened.bytes, " of ", size, " bytes");
    require(length <= most_header && length <= size - start_bytes, name, ": its header is damaged");
    const std::vector<uint8_t> bytes = opened.read(start_bytes, length);
    require(content_hash(bytes.data(), bytes.size()) == hash, name, ": its header is damaged");

    HeaderReader header(bytes, name);
    require(header.text() == key, name, ": was made from other weights, or by another program or machine");
    for (auto left = header.count(8); left > 0; --left) {
        std::string note = header.text();
        notes_[std::move(note)] = header.text();
    }
    struct Place {
        uint64_t offset, size;
    };
    std::vector<Place> places;
    std::vector<uint64_t> hashes;
    for (auto left = header.count(16); left > 0; --left) {
        PackedEntry& entry = weights_.emplace_back();
        entry.what = header.text();
        entry.slope = header.real();
        entry.top = header.real();
        require(!std::isnan(entry.slope) && !std::isnan(entry.top), name, ": its header is damaged");
        entry.blocks.resize(header.count(24));
        for (size_t i = 0; i < entry.blocks.size(); ++i) {
            const auto offset = header.number<uint64_t>(), block = header.number<uint64_t>();
            hashes.push_back(header.number<uint64_t>());
            require(offset <= size && block <= size - offset && offset % line == 0, name, ": its header is damaged");
            places.push_back({offset, block});
        }
    }
    mapped_ = opened.map(size);
    require(mapped_, name, ": can't be mapped: ", std::strerror(errno));
    bytes_ = size;
    enter(mapped_, bytes_);
    size_t next = 0;
    for (PackedEntry& entry : weights_)
        for (PackedEntry::Bytes& block : entry.blocks) {
            block = {static_cast<const std::byte*>(mapped_) + places[next].offset, places[next].size};
            ++next;
        }
    try {
        check_blocks(name, hashes);
    } catch (...) {
        leave(mapped_);
        ::munmap(mapped_, bytes_);
        throw;
    }
}

void PackedFile::check_blocks(const std::string& name, const std::vector<uint64_t>& hashes) const {
    const std::vector<uint64_t> found = hashes_of(blocks_of(weights_));
    for (size_t i = 0; i < hashes.size(); ++i) require(found[i] == hashes[i], name, ": is damaged");
}

PackedFile::~PackedFile() {
    leave(mapped_);
    ::munmap(mapped_, bytes_);
}

bool PackedFile::holds(const void* address) {
    const auto at = reinterpret_cast<uintptr_t>(address);
    for (const Range& range : ranges)
        if (const uintptr_t begin = range.begin; begin && at >= begin && at < range.end) return true;
    return false;
}

uint64_t packed_file_bytes(const PackedWeights& weights) {
    std::vector<uint64_t> offsets;
    return place_blocks(huge_page, weights, offsets);
}

void write_packed_file(const std::filesystem::path& path, const std::string& key, const PackedNotes& notes, const PackedWeights& weights) {
    const std::vector<PackedEntry::Bytes> blocks = blocks_of(weights);
    const std::vector<uint64_t> hashes = hashes_of(blocks);
    // The header's length does not depend on the offsets' values.
    const uint64_t length = header_of(key, notes, weights, std::vector<uint64_t>(blocks.size()), hashes).size();
    require(length <= most_header, path.string(), ": the header of these packed weights would be ", length, " bytes long");
    std::vector<uint64_t> offsets;
    const uint64_t end = place_blocks(up(start_bytes + length, page), weights, offsets);
    const std::string header = header_of(key, notes, weights, offsets, hashes);
    AtomicFile file(path);
    file.keep_private();
    file.write(file_start(end, header));
    file.write(header);
    const std::vector<char> zeros(page);
    for (size_t i = 0; i < blocks.size(); ++i) {
        file.write(zeros.data(), static_cast<size_t>(offsets[i] - file.written()));
        file.write(blocks[i].data(), blocks[i].size());
    }
    file.commit(AtomicFile::Sync::no);
}

}  // namespace purnet
