#include "core/formats/zip_reader.h"

#include <zlib.h>

#include <algorithm>
#include <numeric>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr uint32_t local_signature = 0x04034b50, directory_signature = 0x02014b50, end_signature = 0x06054b50;
constexpr uint32_t end64_signature = 0x06064b50, locator64_signature = 0x07064b50;
constexpr size_t local_size = 30, directory_entry_size = 46, end_size = 22, end64_size = 56, locator64_size = 20;
constexpr uint64_t max_directory = uint64_t{64} << 20;
constexpr uint32_t full32 = 0xffffffffu;

// Where a 32-bit field of the directory is full, its value stands in the zip64 extra field, in this order.
void read_zip64(const uint8_t* extra, size_t length, uint64_t* const (&fields)[3], const std::string& where) {
    const bool needed = std::any_of(std::begin(fields), std::end(fields), [](const uint64_t* f) { return *f == full32; });
    size_t at = 0;
    while (needed && at + 4 <= length) {
        const size_t id = load_le<uint16_t>(extra + at), size = load_le<uint16_t>(extra + at + 2);
        at += 4;
        require(size <= length - at, where, "an extra field longer than its room");
        if (id == 1) {
            size_t used = 0;
            for (uint64_t* field : fields) {
                if (*field != full32) continue;
                require(used + 8 <= size, where, "a zip64 field that is too short");
                *field = load_le<uint64_t>(extra + at + used);
                used += 8;
            }
            return;
        }
        at += size;
    }
    require(!needed, where, "no zip64 field where one is needed");
}

}  // namespace

ZipReader::ZipReader(const ByteSource& source) : source_(source) {
    const std::string& file = source.name();
    require(source.size() >= end_size, file, ": is no zip file: only ", source.size(), " bytes long");

    // The end record is the last thing in the file but for a comment of at most 65,535 bytes, whose length it tells.
    const uint64_t tail_size = std::min<uint64_t>(source.size(), end_size + 0xffff);
    const auto tail = source.read(source.size() - tail_size, tail_size);
    size_t at = tail_size - end_size + 1;
    bool found = false;
    while (!found && at-- > 0)
        found = load_le<uint32_t>(&tail[at]) == end_signature && at + end_size + load_le<uint16_t>(&tail[at + 20]) == tail_size;
    require(found, file, ": is a zip file without its end: truncated or damaged");
    const uint8_t* end = &tail[at];
    uint64_t end_at = source.size() - tail_size + at;

    uint64_t count = load_le<uint16_t>(end + 10), size = load_le<uint32_t>(end + 12), begin = load_le<uint32_t>(end + 16);
    bool one_disk = load_le<uint16_t>(end + 4) == 0 && load_le<uint16_t>(end + 6) == 0 && load_le<uint16_t>(end + 8) == count;
    uint8_t locator[locator64_size] = {};
    if (end_at >= locator64_size) source.read(end_at - locator64_size, locator, locator64_size);
    if (load_le<uint32_t>(locator) == locator64_signature) {
        const uint64_t end64_at = load_le<uint64_t>(locator + 8);
        uint8_t end64[end64_size];
        require(end64_at <= end_at - locator64_size && end_at - locator64_size - end64_at >= end64_size, file,
                ": its zip64 end record lies outside the file");
        source.read(end64_at, end64, end64_size);
        require(load_le<uint32_t>(end64) == end64_signature, file, ": its zip64 end record is damaged");
        count = load_le<uint64_t>(end64 + 32);
        size = load_le<uint64_t>(end64 + 40);
        begin = load_le<uint64_t>(end64 + 48);
        one_disk = load_le<uint32_t>(end64 + 16) == 0 && load_le<uint32_t>(end64 + 20) == 0 && load_le<uint64_t>(end64 + 24) == count;
        end_at = end64_at;
    }
    require(one_disk, file, ": is a part of a zip archive of several disks, which is not supported");
    require(begin <= end_at && size == end_at - begin, file, ": its zip directory does not end where the end record begins: damaged");
    require(size <= max_directory && count <= size / directory_entry_size, file, ": its zip directory can't hold ", count, " entries in ",
            size, " bytes");
    directory_ = begin;
    read_directory(begin, size, count);
    check_overlap();
}

void ZipReader::read_directory(uint64_t begin, uint64_t size, uint64_t count) {
    const std::string& file = source_.name();
    const auto bytes = source_.read(begin, size);
    entries_.reserve(count);
    size_t at = 0;
    for (uint64_t i = 0; i < count; ++i) {
        const std::string where = concat(file, ": entry ", i, " of its zip directory has ");
        require(size - at >= directory_entry_size, where, "no room: damaged");
        const uint8_t* record = &bytes[at];
        require(load_le<uint32_t>(record) == directory_signature, where, "no signature: damaged");
        const size_t name_length = load_le<uint16_t>(record + 28), extra_length = load_le<uint16_t>(record + 30);
        const size_t whole = directory_entry_size + name_length + extra_length + load_le<uint16_t>(record + 32);
        require(whole <= size - at, where, "a name longer than its room: damaged");

        Entry entry;
        entry.flags = load_le<uint16_t>(record + 8);
        entry.method = load_le<uint16_t>(record + 10);
        entry.crc = load_le<uint32_t>(record + 16);
        uint64_t compressed = load_le<uint32_t>(record + 20);
        entry.size = load_le<uint32_t>(record + 24);
        entry.header = load_le<uint32_t>(record + 42);
        entry.name.assign(reinterpret_cast<const char*>(record) + directory_entry_size, name_length);
        read_zip64(record + directory_entry_size + name_length, extra_length, {&entry.size, &compressed, &entry.header}, where);
        require(entry.method != 0 || compressed == entry.size, where, "two different lengths though it is not compressed");
        require(entry.header <= directory_ && local_size + name_length <= directory_ - entry.header &&
                    compressed <= directory_ - entry.header - local_size - name_length,
                where, "bytes outside the file: truncated or damaged");
        entries_.push_back(std::move(entry));
        at += whole;
    }
    require(at == size, file, ": its zip directory is longer than its entries: damaged");
    for (size_t i = 0; i < entries_.size(); ++i)
        require(index_.emplace(entries_[i].name, i).second, file, ": two zip entries are named ", printable(entries_[i].name));
}

void ZipReader::check_overlap() const {
    std::vector<size_t> order(entries_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return entries_[a].header < entries_[b].header; });
    for (size_t i = 0; i + 1 < order.size(); ++i) {
        const Entry &a = entries_[order[i]], &b = entries_[order[i + 1]];
        const uint64_t least = local_size + a.name.size() + (a.method == 0 ? a.size : 0);
        require(b.header - a.header >= least, source_.name(), ": the zip entries ", printable(a.name), " and ", printable(b.name),
                " overlap");
    }
}

const ZipReader::Entry* ZipReader::find(std::string_view name) const {
    const auto at = index_.find(name);
    return at == index_.end() ? nullptr : &entries_[at->second];
}

uint64_t ZipReader::data_offset(const Entry& entry) const {
    const std::string where = concat(source_.name(), ": the zip entry ", printable(entry.name));
    require((entry.flags & 0x2041) == 0, where, " is encrypted, which is not supported");
    require(entry.method == 0, where, " is compressed, which PyTorch never does: save the checkpoint again with torch.save");
    uint8_t header[local_size];
    source_.read(entry.header, header, local_size);
    require(load_le<uint32_t>(header) == local_signature && load_le<uint16_t>(header + 8) == entry.method &&
                load_le<uint16_t>(header + 26) == entry.name.size(),
            where, " has a local header that contradicts the directory: damaged");
    const uint64_t begin = entry.header + local_size + entry.name.size() + load_le<uint16_t>(header + 28);
    require(begin <= directory_ && entry.size <= directory_ - begin, where, " lies outside the file: truncated or damaged");
    const auto name = source_.read(entry.header + local_size, entry.name.size());
    require(std::equal(name.begin(), name.end(), entry.name.begin(), [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); }), where,
            " has another name in its local header: damaged");
    return begin;
}

void ZipReader::read(const Entry& entry, uint8_t* out) const {
    source_.read(data_offset(entry), out, entry.size);
    require(entry.crc == 0 || ::crc32_z(0, out, entry.size) == entry.crc, source_.name(), ": the zip entry ", printable(entry.name),
            " does not have its checksum: damaged");
}

std::vector<uint8_t> ZipReader::read(const Entry& entry) const {
    data_offset(entry);  // before anything is allocated
    std::vector<uint8_t> out(entry.size);
    read(entry, out.data());
    return out;
}

}  // namespace purnet
