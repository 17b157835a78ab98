#include "core/formats/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "core/formats/atomic_file.h"

namespace purnet {
namespace {

constexpr uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
constexpr size_t max_header = 1 << 16;  // 32 dimensions need less than 1 KiB

struct Header {
    std::string descr;
    bool fortran = false;
    std::vector<int64_t> shape;
};

// The header is a Python literal of a fixed form: three known keys in any order.
class HeaderParser {
public:
    HeaderParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

    Header parse() {
        Header header;
        bool seen[3] = {};
        const auto once = [&](int key) {
            require(!seen[key], file_, ": its header names a key twice");
            seen[key] = true;
        };
        expect('{');
        while (!take('}')) {
            const std::string key = string();
            expect(':');
            if (key == "descr") {
                once(0);
                require(peek() != '[', file_, ": is a structured array, which is not supported");
                header.descr = string();
            } else if (key == "fortran_order") {
                once(1);
                header.fortran = boolean();
            } else if (key == "shape") {
                once(2);
                header.shape = tuple();
            } else {
                fail(file_, ": its header has the unknown key ", printable(key));
            }
            if (!take(',')) {
                expect('}');
                break;
            }
        }
        blanks();
        require(at_ == text_.size(), file_, ": its header goes on after the closing brace");
        require(seen[0] && seen[1] && seen[2], file_, ": its header lacks one of 'descr', 'fortran_order', 'shape'");
        return header;
    }

private:
    void blanks() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
    }
    char peek() {
        blanks();
        return at_ < text_.size() ? text_[at_] : '\0';
    }
    bool take(char c) {
        if (peek() != c) return false;
        ++at_;
        return true;
    }
    void expect(char c) { require(take(c), file_, ": its header is damaged: '", c, "' expected at byte ", at_); }

    std::string string() {
        const char quote = peek();
        require(quote == '\'' || quote == '"', file_, ": its header is damaged: text expected at byte ", at_);
        const size_t end = text_.find(quote, at_ + 1);
        require(end != std::string_view::npos, file_, ": its header is damaged: text without an end");
        std::string out(text_.substr(at_ + 1, end - at_ - 1));
        at_ = end + 1;
        return out;
    }

    bool boolean() {
        blanks();
        for (const auto& [word, value] : {std::pair{std::string_view("True"), true}, std::pair{std::string_view("False"), false}}) {
            if (text_.substr(at_).starts_with(word)) {
                at_ += word.size();
                return value;
            }
        }
        fail(file_, ": its header is damaged: True or False expected at byte ", at_);
    }

    std::vector<int64_t> tuple() {
        std::vector<int64_t> out;
        expect('(');
        while (!take(')')) {
            require(out.size() < max_file_rank, file_, ": has more than ", max_file_rank, " dimensions");
            blanks();
            int64_t value = 0;
            const char* begin = text_.data() + at_;
            const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
            require(error == std::errc() && value >= 0, file_, ": its header has a dimension that is no number from 0 to 2^63");
            at_ += static_cast<size_t>(end - begin);
            if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so
            out.push_back(value);
            if (!take(',')) {
                expect(')');
                break;
            }
        }
        return out;
    }

    std::string_view text_;
    const std::string& file_;
    size_t at_ = 0;
};

FileDType element_type(std::string_view descr, bool& big, const std::string& file) {
    require(descr.size() >= 2, file, ": the element type ", printable(descr), " is not supported");
    std::string_view code = descr;
    big = false;
    if (std::string_view("<>=|").find(code[0]) != std::string_view::npos) {
        big = code[0] == '>';
        code.remove_prefix(1);
    }
    require(code[0] != 'O', file, ": holds Python objects, which only running a pickle could read: refused");
    static constexpr std::pair<std::string_view, FileDType> types[] = {
        {"f8", FileDType::f64}, {"f4", FileDType::f32}, {"f2", FileDType::f16}, {"i8", FileDType::i64},
        {"i4", FileDType::i32}, {"i2", FileDType::i16}, {"i1", FileDType::i8},  {"u8", FileDType::u64},
        {"u4", FileDType::u32}, {"u2", FileDType::u16}, {"u1", FileDType::u8},  {"b1", FileDType::boolean}};
    for (const auto& [name, type] : types)
        if (code == name) return type;
    fail(file, ": the element type ", printable(descr), " is not supported (floats, integers and booleans are)");
}

std::string_view code_of(FileDType type) {
    switch (type) {
        case FileDType::f64: return "<f8";
        case FileDType::f32: return "<f4";
        case FileDType::f16: return "<f2";
        case FileDType::bf16: break;
        case FileDType::i64: return "<i8";
        case FileDType::i32: return "<i4";
        case FileDType::i16: return "<i2";
        case FileDType::i8: return "|i1";
        case FileDType::u64: return "<u8";
        case FileDType::u32: return "<u4";
        case FileDType::u16: return "<u2";
        case FileDType::u8: return "|u1";
        case FileDType::boolean: return "|b1";
    }
    fail(".npy has no type for ", name_of(type), ": convert it to float32 first");
}

void swap_bytes(std::vector<uint8_t>& bytes, size_t size) {
    for (size_t i = 0; i + size <= bytes.size(); i += size) std::reverse(bytes.begin() + i, bytes.begin() + i + size);
}

// Fortran order (first index fastest) to C order.
std::vector<uint8_t> reorder(const std::vector<uint8_t>& in, const std::vector<int64_t>& shape, size_t size) {
    std::vector<uint8_t> out(in.size());
    const size_t rank = shape.size();
    std::vector<int64_t> stride(rank), index(rank, 0);
    int64_t step = static_cast<int64_t>(size);
    for (size_t d = 0; d < rank; ++d) {
        stride[d] = step;
        step *= shape[d];
    }
    int64_t from = 0;
    for (size_t to = 0; to < out.size(); to += size) {
        std::memcpy(out.data() + to, in.data() + from, size);
        for (size_t d = rank; d-- > 0;) {
            from += stride[d];
            if (++index[d] < shape[d]) break;
            from -= stride[d] * shape[d];
            index[d] = 0;
        }
    }
    return out;
}

std::vector<uint8_t> header_bytes(const Array& array) {
    std::string text = concat("{'descr': '", code_of(array.dtype), "', 'fortran_order': False, 'shape': (");
    for (size_t i = 0; i < array.shape.size(); ++i) text += (i ? ", " : "") + std::to_string(array.shape[i]);
    text += array.shape.size() == 1 ? ",), }" : "), }";
    constexpr size_t before = 10, alignment = 64;  // the elements then start at a multiple of 64
    text.append(alignment - (before + text.size() + 1) % alignment, ' ');
    text += '\n';
    std::vector<uint8_t> out(magic, magic + sizeof magic);
    for (const size_t byte : {size_t{1}, size_t{0}, text.size() & 0xff, text.size() >> 8}) out.push_back(static_cast<uint8_t>(byte));
    out.insert(out.end(), text.begin(), text.end());
    return out;
}

void check_size(const Array& array) {
    require(static_cast<int64_t>(array.bytes.size()) == checked_bytes(array.shape, array.dtype, "array"), "an array of ", describe(array),
            " holds ", array.bytes.size(), " bytes");
}

}  // namespace

Array decode_npy(const ByteSource& source) {
    const std::string& file = source.name();
    uint8_t start[12] = {};
    require(source.size() >= 10, file, ": is no .npy file: only ", source.size(), " bytes long");
    source.read(0, start, 10);
    require(std::equal(std::begin(magic), std::end(magic), start), file, ": is no .npy file: it does not start with \\x93NUMPY");
    const int version = start[6];
    require(version >= 1 && version <= 3 && start[7] == 0, file, ": version ", version, ".", int{start[7]}, " of .npy is not known");
    const size_t before = version == 1 ? 10 : 12;
    if (version > 1) source.read(0, start, before);
    const size_t length = version == 1 ? load_le<uint16_t>(start + 8) : load_le<uint32_t>(start + 8);
    require(length <= max_header, file, ": its header would be ", length, " bytes long, more than ", max_header);
    const auto bytes = source.read(before, length);
    const Header header = HeaderParser({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file).parse();

    Array array;
    bool big = false;
    array.dtype = element_type(header.descr, big, file);
    array.shape = header.shape;
    const auto needed = static_cast<uint64_t>(checked_bytes(array.shape, array.dtype, file));
    const uint64_t there = source.size() - before - length;
    require(needed == there, file, ": ", describe(array), " needs ", needed, " bytes, but ", there, " follow the header");
    array.bytes = source.read(before + length, needed);
    const size_t size = size_of(array.dtype);
    if (big && size > 1) swap_bytes(array.bytes, size);
    if (header.fortran && array.shape.size() > 1) array.bytes = reorder(array.bytes, array.shape, size);
    return array;
}

Array read_npy(const std::filesystem::path& path) { return decode_npy(ByteSource(path)); }

std::vector<uint8_t> encode_npy(const Array& array) {
    check_size(array);
    auto out = header_bytes(array);
    out.insert(out.end(), array.bytes.begin(), array.bytes.end());
    return out;
}

void write_npy(const std::filesystem::path& path, const Array& array) {
    check_size(array);
    const auto header = header_bytes(array);
    AtomicFile file(path);
    file.write(header.data(), header.size());
    file.write(array.bytes.data(), array.bytes.size());
    file.commit();
}

}  // namespace purnet
