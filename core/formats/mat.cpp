#include "core/formats/mat.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

namespace purnet {
namespace {

enum Type : uint32_t {
    mi_int8 = 1,
    mi_uint8 = 2,
    mi_int16 = 3,
    mi_uint16 = 4,
    mi_int32 = 5,
    mi_uint32 = 6,
    mi_single = 7,
    mi_double = 9,
    mi_int64 = 12,
    mi_uint64 = 13,
    mi_matrix = 14,
    mi_compressed = 15
};

constexpr uint32_t sparse_class = 5, first_numeric_class = 6, last_numeric_class = 15;
constexpr uint32_t complex_flag = 0x0800;
constexpr size_t longest_name = 255;  // MATLAB's own limit is 63
constexpr int most_variables = 4096;
constexpr uint64_t zlib_expansion = 1032;  // the most that deflate can do

std::optional<FileDType> type_of(uint32_t type) {
    switch (type) {
        case mi_int8: return FileDType::i8;
        case mi_uint8: return FileDType::u8;
        case mi_int16: return FileDType::i16;
        case mi_uint16: return FileDType::u16;
        case mi_int32: return FileDType::i32;
        case mi_uint32: return FileDType::u32;
        case mi_single: return FileDType::f32;
        case mi_double: return FileDType::f64;
        case mi_int64: return FileDType::i64;
        case mi_uint64: return FileDType::u64;
        default: return std::nullopt;
    }
}

// Bytes one after the other: of a part of the file, or of the zlib stream that lies there.
class Stream {
public:
    Stream(const ByteSource& source, uint64_t begin, uint64_t size, bool packed)
        : source_(source), at_(begin), left_(size), packed_(packed) {
        if (!packed_) return;
        require(inflateInit(&zlib_) == Z_OK, source_.name(), ": zlib can't be started; is there memory left?");
        input_.resize(size_t{1} << 14);
    }
    ~Stream() {
        if (packed_) inflateEnd(&zlib_);
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    bool packed() const { return packed_; }

    // How many bytes may follow, at most.
    uint64_t bound() const { return packed_ ? (left_ + zlib_.avail_in + 8) * zlib_expansion : left_; }

    void read(uint8_t* out, size_t count) {
        if (packed_) {
            inflate_to(out, count);
            return;
        }
        require(count <= left_, source_.name(), ": a variable of the MAT-file reaches beyond its own end");
        source_.read(at_, out, count);
        at_ += count;
        left_ -= count;
    }

private:
    void inflate_to(uint8_t* out, size_t count) {
        while (count > 0) {
            if (zlib_.avail_in == 0 && left_ > 0) {
                const size_t part = static_cast<size_t>(std::min<uint64_t>(left_, input_.size()));
                source_.read(at_, input_.data(), part);
                zlib_.next_in = input_.data();
                zlib_.avail_in = static_cast<uInt>(part);
                at_ += part;
                left_ -= part;
            }
            const uInt room = static_cast<uInt>(std::min<size_t>(count, size_t{1} << 24));
            zlib_.next_out = out;
            zlib_.avail_out = room;
            const int code = inflate(&zlib_, Z_NO_FLUSH);
            const size_t got = room - zlib_.avail_out;
            out += got;
            count -= got;
            require(code == Z_OK || (code == Z_STREAM_END && count == 0), source_.name(),
                    ": a compressed variable of the MAT-file is damaged or ends early");
        }
    }

    const ByteSource& source_;
    uint64_t at_, left_;
    bool packed_;
    z_stream zlib_{};
    std::vector<uint8_t> input_;
};

class MatReader {
public:
    MatReader(const ByteSource& source, std::string_view wanted, int64_t most_values)
        : source_(source), wanted_(wanted), most_values_(most_values) {}

    Array read() {
        read_header();
        find_matrix();
        Stream stream(source_, chosen_->begin, chosen_->size, chosen_->packed);
        return read_values(stream, read_description(stream));
    }

private:
    struct Place {
        uint64_t begin = 0, size = 0;
        bool packed = false;
    };
    // The data of an element: a short one lies in its tag.
    struct Tag {
        uint32_t type = 0;
        uint64_t size = 0;
        bool is_short = false;
        uint8_t inside[4] = {};
    };
    struct Description {
        uint32_t kind = 0;  // MATLAB's class
        bool complex = false;
        std::vector<int64_t> shape;
        std::string name;
        bool numeric() const { return kind >= first_numeric_class && kind <= last_numeric_class; }
    };

    const std::string& file() const { return source_.name(); }

    uint32_t number(const uint8_t* at) const {
        const uint32_t value = load_le<uint32_t>(at);
        return big_ ? __builtin_bswap32(value) : value;
    }

    void read_header() {
        uint8_t header[128];
        const uint64_t size = source_.size();
        std::memset(header, 0, sizeof header);
        source_.read(0, header, static_cast<size_t>(std::min<uint64_t>(size, sizeof header)));
        const auto starts = [&](std::string_view text) { return std::memcmp(header, text.data(), text.size()) == 0; };
        require(!starts("MATLAB 7.3") && !starts(std::string_view("\x89HDF\r\n\x1a\n", 8)), file(),
                ": this MAT-file is of version 7.3, which is HDF5 and isn't read here; save it in MATLAB with -v7");
        require(size >= sizeof header, file(), ": is no MAT-file: only ", size, " bytes long");
        const bool little = header[126] == 'I' && header[127] == 'M';
        big_ = header[126] == 'M' && header[127] == 'I';
        require(little || big_, file(), ": is no MAT-file of version 5 (files of version 4 must be saved anew with -v7)");
        const int version = big_ ? header[124] << 8 | header[125] : header[125] << 8 | header[124];
        require(version == 0x0100, file(), ": is a MAT-file of the unknown version ", version, "; save it with -v7");
    }

    void find_matrix() {
        std::string names;
        int found = 0, variables = 0;
        for (uint64_t at = 128; at + 8 <= source_.size();) {
            uint8_t bytes[8];
            source_.read(at, bytes, 8);
            const uint32_t type = number(bytes), size = number(bytes + 4);
            at += 8;
            require(type <= 0xffff && size <= source_.size() - at, file(), ": the MAT-file ends early or is damaged at byte ", at - 8);
            require(++variables <= most_variables, file(), ": the MAT-file has more than ", most_variables, " variables");
            if (type == mi_matrix || type == mi_compressed) {
                const Place place{at, size, type == mi_compressed};
                Stream stream(source_, place.begin, place.size, place.packed);
                const Description what = read_description(stream);
                if (what.numeric() && what.shape.size() == 2) {
                    const bool asked = what.name == wanted_;
                    if (asked || ++found == 1) chosen_ = place;
                    if (asked) return;
                    if (found <= 5) names += (names.empty() ? "" : ", ") + printable(what.name);
                } else if (what.name == wanted_) {
                    fail(file(), ": ", printable(what.name), what.kind == sparse_class ? " is sparse" : " is no numeric matrix",
                         "; a full matrix of region numbers is needed");
                }
            }
            // Compressed elements aren't padded.
            at += type == mi_compressed ? size : (uint64_t{size} + 7) / 8 * 8;
        }
        require(found > 0, file(), ": the MAT-file holds no numeric matrix");
        require(found == 1, file(), ": the MAT-file holds several matrices (", names, found > 5 ? " and more" : "", ") and none is named ",
                printable(wanted_));
    }

    Tag read_tag(Stream& stream) const {
        uint8_t bytes[8];
        stream.read(bytes, 8);
        const uint32_t first = number(bytes);
        if (first <= 0xffff) return {first, number(bytes + 4), false, {}};
        Tag tag{first & 0xffff, first >> 16, true, {}};
        require(tag.size <= 4, file(), ": the MAT-file is damaged: a short element of ", tag.size, " bytes");
        std::memcpy(tag.inside, bytes + 4, 4);
        return tag;
    }

    // A small element with its padding.
    std::vector<uint8_t> read_small(Stream& stream, const Tag& tag) const {
        if (tag.is_short) return {tag.inside, tag.inside + tag.size};
        std::vector<uint8_t> bytes((static_cast<size_t>(tag.size) + 7) / 8 * 8);
        stream.read(bytes.data(), bytes.size());
        bytes.resize(static_cast<size_t>(tag.size));
        return bytes;
    }

    // Everything before the values. A compressed variable begins with a tag of its own.
    Description read_description(Stream& stream) const {
        if (stream.packed()) {
            const Tag outer = read_tag(stream);
            require(outer.type == mi_matrix && !outer.is_short, file(), ": a compressed variable of the MAT-file is no matrix");
        }
        Description what;
        const Tag flags = read_tag(stream);
        require(flags.type == mi_uint32 && flags.size == 8 && !flags.is_short, file(), ": a variable of the MAT-file has damaged flags");
        const std::vector<uint8_t> flag_bytes = read_small(stream, flags);
        what.kind = number(flag_bytes.data()) & 0xff;
        what.complex = number(flag_bytes.data()) & complex_flag;
        // Objects of newer kinds have no dimensions; they are passed over like all that is not numeric.
        if (!what.numeric() && what.kind > last_numeric_class) return what;
        const Tag dimensions = read_tag(stream);
        require(dimensions.type == mi_int32 && dimensions.size >= 8 && dimensions.size % 4 == 0 && dimensions.size <= 4 * max_file_rank,
                file(), ": a variable of the MAT-file has damaged dimensions");
        const std::vector<uint8_t> sizes = read_small(stream, dimensions);
        for (size_t i = 0; i < sizes.size(); i += 4) what.shape.push_back(static_cast<int32_t>(number(sizes.data() + i)));
        const Tag name = read_tag(stream);
        require((name.type == mi_int8 || name.type == mi_uint8 || name.type == 16) && name.size <= longest_name, file(),
                ": a variable of the MAT-file has a damaged name");
        const std::vector<uint8_t> text = read_small(stream, name);
        what.name.assign(text.begin(), text.end());
        return what;
    }

    Array read_values(Stream& stream, const Description& what) const {
        const std::string shown = printable(what.name);
        require(!what.complex, file(), ": ", shown, " has complex values; real ones are needed");
        const int64_t rows = what.shape[0], columns = what.shape[1];
        require(rows > 0 && columns > 0, file(), ": ", shown, " is empty (", rows, " x ", columns, ")");
        require(rows <= most_values_ / columns, file(), ": ", shown, " is ", rows, " x ", columns, ", more than the limit of ",
                most_values_, " values");
        const Tag tag = read_tag(stream);
        const std::optional<FileDType> type = type_of(tag.type);
        require(type.has_value(), file(), ": the values of ", shown, " have the unknown type ", tag.type);
        const size_t width = size_of(*type), height = static_cast<size_t>(rows), across = static_cast<size_t>(columns);
        require(tag.size == uint64_t{height} * across * width, file(), ": ", shown, " is ", rows, " x ", columns, ", but ", tag.size,
                " bytes of values follow");
        require(tag.is_short || tag.size <= stream.bound(), file(), ": the values of ", shown, " reach beyond the end of the file");
        std::vector<uint8_t> stored(static_cast<size_t>(tag.size));
        if (tag.is_short)
            std::copy_n(tag.inside, tag.size, stored.begin());
        else
            stream.read(stored.data(), stored.size());
        // Columns after each other become rows after each other.
        Array array(*type, {rows, columns});
        for (size_t column = 0; column < across; ++column)
            for (size_t row = 0; row < height; ++row) {
                const uint8_t* from = stored.data() + (column * height + row) * width;
                uint8_t* to = array.bytes.data() + (row * across + column) * width;
                if (big_)
                    std::reverse_copy(from, from + width, to);
                else
                    std::copy_n(from, width, to);
            }
        return array;
    }

    const ByteSource& source_;
    std::string_view wanted_;
    int64_t most_values_;
    bool big_ = false;
    std::optional<Place> chosen_;
};

}  // namespace

Array decode_mat(const ByteSource& source, std::string_view name, int64_t most_values) {
    return MatReader(source, name, most_values).read();
}

}  // namespace purnet
