#include "data/source/tar.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <string>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr uint64_t block = 512;
constexpr uint64_t longest_name = 1 << 16;

using Header = std::array<uint8_t, block>;

std::string text_at(const Header& header, size_t at, size_t most) {
    const char* begin = reinterpret_cast<const char*>(header.data()) + at;
    return {begin, strnlen(begin, most)};
}

// Octal digits, or base 256 where the first bit is set. Nothing when it is neither or doesn't fit.
std::optional<uint64_t> number_at(const Header& header, size_t at, size_t length) {
    uint64_t value = 0;
    if (header[at] & 0x80) {
        if (header[at] != 0x80) return std::nullopt;  // negative, or beyond 2^88
        for (size_t i = 1; i < length; ++i) {
            if (value >> 55) return std::nullopt;
            value = value << 8 | header[at + i];
        }
        return value;
    }
    size_t i = 0;
    while (i < length && header[at + i] == ' ') ++i;
    for (; i < length && header[at + i] >= '0' && header[at + i] <= '7'; ++i) value = value << 3 | (header[at + i] - '0');
    if (i < length && header[at + i] != ' ' && header[at + i] != 0) return std::nullopt;
    return value;
}

bool checksum_fits(const Header& header) {
    const std::optional<uint64_t> stored = number_at(header, 148, 8);
    int64_t plain = 0, with_sign = 0;  // some old programs summed signed bytes
    for (size_t i = 0; i < block; ++i) {
        const uint8_t byte = i >= 148 && i < 156 ? ' ' : header[i];
        plain += byte;
        with_sign += static_cast<int8_t>(byte);
    }
    return stored && (static_cast<int64_t>(*stored) == plain || static_cast<int64_t>(*stored) == with_sign);
}

std::string clean(std::string name) {
    size_t at = 0;
    while (name.compare(at, 2, "./") == 0 || name.compare(at, 1, "/") == 0) at += name[at] == '/' ? 1 : 2;
    return name.substr(at);
}

bool hidden(const std::string& name) { return name.starts_with('.') || name.find("/.") != std::string::npos; }

class Reader {
public:
    explicit Reader(const std::shared_ptr<const ByteSource>& archive) : archive_(archive) {}

    std::vector<NamedFile> read() {
        refuse_compressed();
        uint64_t at = 0;
        bool ended = false;
        Header header;
        while (at + block <= archive_->size()) {
            archive_->read(at, header.data(), block);
            at += block;
            if (std::all_of(header.begin(), header.end(), [](uint8_t byte) { return byte == 0; })) {
                ended = true;
                break;
            }
            require(checksum_fits(header), name(), ": ",
                    at == block ? "this is no tar archive" : concat("the tar is damaged at byte ", at - block));
            uint64_t size = number_at(header, 124, 12).value_or(~uint64_t{0});
            const char type = static_cast<char>(header[156]);
            const bool described = type == 'x' || type == 'g' || type == 'L' || type == 'K';
            if (pax_size_ && !described) size = *pax_size_;
            if (!(type >= '1' && type <= '6')) {
                require(at <= archive_->size() && size <= archive_->size() - at, name(),
                        ": the tar ends early (a truncated file?): ", printable(entry_name(header)), " reaches beyond its end");
            } else {
                size = 0;  // links and devices carry no bytes
            }
            if (described) {
                describe(type, at, size);
            } else {
                add(header, type, at, size);
                long_name_.reset(), long_link_.reset(), pax_name_.reset(), pax_link_.reset(), pax_size_.reset();
            }
            at += (size + block - 1) / block * block;
        }
        // Every tar program writes blocks of zeros behind the last file; without them the rest may be missing.
        require(ended, name(), ": the tar has no end mark (a truncated file?); the last file in it is ",
                files_.empty() ? std::string("none") : printable(last_));
        std::vector<NamedFile> result;
        result.reserve(files_.size());
        for (auto& [file_name, place] : files_) result.push_back({file_name, FileRef(archive_, file_name, place.first, place.second)});
        return result;
    }

private:
    const std::string& name() const { return archive_->name(); }

    void refuse_compressed() const {
        require(archive_->size() > 0, name(), ": the file is empty");
        std::array<uint8_t, 6> magic{};
        archive_->read(0, magic.data(), std::min<uint64_t>(magic.size(), archive_->size()));
        const auto starts = [&](const char* text, size_t count) { return std::memcmp(magic.data(), text, count) == 0; };
        const bool packed = starts("\x1f\x8b", 2) || starts("BZh", 3) ||
                            starts(
                                "\xfd"
                                "7zXZ",
                                5) ||
                            starts("\x28\xb5\x2f\xfd", 4);
        require(!packed, name(),
                ": a compressed tar can't be read in place; decompress it first (the pictures in it are compressed already)");
        require(archive_->size() >= block, name(), ": this is no tar archive");
    }

    std::string entry_name(const Header& header) const {
        if (pax_name_) return *pax_name_;
        if (long_name_) return *long_name_;
        const std::string base = text_at(header, 0, 100);
        // The prefix belongs to ustar proper; GNU keeps other things there.
        const bool ustar = std::memcmp(header.data() + 257, "ustar\0", 6) == 0;
        const std::string prefix = ustar ? text_at(header, 345, 155) : "";
        return prefix.empty() ? base : prefix + "/" + base;
    }

    void describe(char type, uint64_t at, uint64_t size) {
        if (type == 'g') return;  // for the whole archive: nothing in it concerns names or sizes of single files
        require(size <= longest_name, name(), ": the tar has a name of ", size, " bytes");
        const std::vector<uint8_t> bytes = archive_->read(at, static_cast<size_t>(size));
        std::string text(bytes.begin(), bytes.end());
        if (type == 'x') {
            read_pax(text);
            return;
        }
        text.resize(strnlen(text.data(), text.size()));
        (type == 'L' ? long_name_ : long_link_) = text;
    }

    // Records "LENGTH KEY=VALUE\n", the length counting the whole record.
    void read_pax(const std::string& text) {
        for (size_t at = 0; at < text.size();) {
            const size_t blank = text.find(' ', at);
            size_t length = 0;
            bool good = blank != std::string::npos && blank > at && blank - at <= 6;
            for (size_t i = at; good && i < blank; ++i) {
                good = text[i] >= '0' && text[i] <= '9';
                length = length * 10 + static_cast<size_t>(text[i] - '0');
            }
            const size_t equals = good ? text.find('=', blank) : std::string::npos;
            good = good && length > blank - at + 1 && length <= text.size() - at && equals != std::string::npos && equals < at + length;
            require(good, name(), ": the tar has a damaged pax header");
            const std::string key = text.substr(blank + 1, equals - blank - 1), value = text.substr(equals + 1, at + length - equals - 2);
            if (key == "path") pax_name_ = value;
            if (key == "linkpath") pax_link_ = value;
            if (key == "size") {
                require(!value.empty() && value.size() <= 18 && value.find_first_not_of("0123456789") == std::string::npos, name(),
                        ": the tar has a damaged pax header");
                pax_size_ = std::stoull(value);
            }
            require(!key.starts_with("GNU.sparse"), name(), ": sparse files in a tar can't be read");
            at += length;
        }
    }

    void add(const Header& header, char type, uint64_t at, uint64_t size) {
        require(type != 'S', name(), ": sparse files in a tar can't be read");
        const bool regular = type == '0' || type == 0 || type == '7', link = type == '1';
        const std::string file_name = clean(entry_name(header));
        if ((!regular && !link) || file_name.empty() || file_name.ends_with('/') || hidden(file_name)) return;
        if (link) {
            const std::string target = clean(pax_link_ ? *pax_link_ : long_link_ ? *long_link_ : text_at(header, 157, 100));
            const auto found = files_.find(target);
            require(found != files_.end(), name(), ": ", printable(file_name), " is a link to ", printable(target),
                    ", which isn't in the tar before it");
            files_[file_name] = found->second;
        } else {
            files_[file_name] = {at, size};
        }
        last_ = file_name;
    }

    std::shared_ptr<const ByteSource> archive_;
    std::map<std::string, std::pair<uint64_t, uint64_t>> files_;
    std::string last_;
    std::optional<std::string> long_name_, long_link_, pax_name_, pax_link_;
    std::optional<uint64_t> pax_size_;
};

}  // namespace

std::vector<NamedFile> list_tar(const std::shared_ptr<const ByteSource>& archive) { return Reader(archive).read(); }

}  // namespace purnet
