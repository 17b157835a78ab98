#include "core/formats/safetensors.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_set>

#include "core/formats/atomic_file.h"
#include "kernels/runtime/parallel_by_weight.h"

namespace purnet {
namespace {

constexpr uint64_t max_header = 100'000'000;
constexpr size_t max_notes = 10'000;  // an empty note is cheaper to write than to hold
constexpr std::string_view metadata_key = "__metadata__";

constexpr std::pair<std::string_view, FileDType> dtype_names[] = {
    {"F64", FileDType::f64}, {"F32", FileDType::f32}, {"F16", FileDType::f16},     {"BF16", FileDType::bf16}, {"I64", FileDType::i64},
    {"I32", FileDType::i32}, {"I16", FileDType::i16}, {"I8", FileDType::i8},       {"U64", FileDType::u64},   {"U32", FileDType::u32},
    {"U16", FileDType::u16}, {"U8", FileDType::u8},   {"BOOL", FileDType::boolean}};

// Receives the header as a stream of JSON events. The form is fixed, so the place is one of six, whatever the nesting.
class HeaderReader {
public:
    HeaderReader(SafetensorsHeader& out, const std::string& file) : out_(out), file_(file) {}

    bool null() { unexpected("null"); }
    bool boolean(bool) { unexpected("a boolean"); }
    bool number_integer(int64_t value) { fail(file_, ": header: ", where(), "the negative number ", value); }
    bool number_float(double, const std::string&) { fail(file_, ": header: ", where(), "a number that is no integer below 2^63"); }
    bool binary(std::vector<uint8_t>&) { unexpected("binary data"); }

    bool number_unsigned(uint64_t value) {
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
            fail(file_, ": header: ", where(), "a number that is no integer below 2^63");
        if (place_ == Place::shape) {
            auto& shape = out_.entries.back().shape;
            if (shape.size() >= max_file_rank) fail(file_, ": header: ", where(), "more than ", max_file_rank, " dimensions");
            shape.push_back(static_cast<int64_t>(value));
        } else if (place_ == Place::offsets) {
            if (offsets_ >= 2) fail(file_, ": header: ", where(), "more than two offsets");
            (offsets_++ == 0 ? out_.entries.back().begin : out_.entries.back().end) = value;
        } else {
            unexpected("a number");
        }
        return true;
    }

    bool string(std::string& value) {
        if (place_ == Place::metadata) {
            require(out_.metadata.size() < max_notes, file_, ": header: __metadata__ has more than ", max_notes, " entries");
            const bool fresh = out_.metadata.emplace(key_, std::move(value)).second;
            if (!fresh) fail(file_, ": header: __metadata__ has the key ", printable(key_), " twice");
        } else if (place_ == Place::tensor && key_ == "dtype") {
            const auto* found =
                std::find_if(std::begin(dtype_names), std::end(dtype_names), [&](const auto& d) { return d.first == value; });
            if (found == std::end(dtype_names))
                fail(file_, ": header: ", where(), "the element type ", printable(value), ", which is not supported");
            out_.entries.back().dtype = found->second;
        } else {
            unexpected("text");
        }
        return true;
    }

    bool start_object(size_t) {
        if (place_ == Place::outside) {
            place_ = Place::root;
        } else if (place_ == Place::root && key_ == metadata_key) {
            place_ = Place::metadata;
        } else if (place_ == Place::root) {
            out_.entries.push_back({key_, FileDType::f32, {}, 0, 0});
            has_dtype_ = has_shape_ = has_offsets_ = false;
            place_ = Place::tensor;
        } else {
            unexpected("an object");
        }
        return true;
    }

    bool key(std::string& value) {
        key_ = std::move(value);
        if (place_ == Place::root) {
            if (!names_.insert(key_).second) fail(file_, ": header: the name ", printable(key_), " stands there twice");
        } else if (place_ == Place::tensor) {
            bool& seen = key_ == "dtype" ? has_dtype_ : key_ == "shape" ? has_shape_ : has_offsets_;
            if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets")
                fail(file_, ": header: ", where(), "the unknown key ", printable(key_));
            if (seen) fail(file_, ": header: ", where(), "the key ", key_, " twice");
            seen = true;
        }
        return true;
    }

    bool end_object() {
        if (place_ == Place::tensor) {
            if (!has_dtype_ || !has_shape_ || !has_offsets_)
                fail(file_, ": header: ", where(), "not all of \"dtype\", \"shape\" and \"data_offsets\"");
        }
        place_ = place_ == Place::root ? Place::done : Place::root;
        return true;
    }

    bool start_array(size_t) {
        if (place_ == Place::tensor && key_ == "shape") {
            place_ = Place::shape;
        } else if (place_ == Place::tensor && key_ == "data_offsets") {
            place_ = Place::offsets;
            offsets_ = 0;
        } else {
            unexpected("an array");
        }
        return true;
    }

    bool end_array() {
        if (place_ == Place::offsets && offsets_ != 2) fail(file_, ": header: ", where(), "fewer than two offsets");
        place_ = Place::tensor;
        return true;
    }

    bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) {
        fail(file_, ": its header is no valid JSON (at byte ", position, " of it)");
    }

private:
    enum class Place { outside, root, metadata, tensor, shape, offsets, done };

    std::string where() const {
        if (place_ == Place::outside || place_ == Place::done) return "it has ";
        if (place_ == Place::root) return printable(key_) + " has ";
        if (place_ == Place::metadata) return "__metadata__ has ";
        return printable(out_.entries.back().name) + " has ";
    }
    [[noreturn]] void unexpected(const char* what) const {
        fail(file_, ": header: ", where(), what, place_ == Place::metadata ? " where only text may stand" : " where it does not belong");
    }

    SafetensorsHeader& out_;
    const std::string& file_;
    Place place_ = Place::outside;
    std::string key_;
    std::unordered_set<std::string> names_;
    bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
    int offsets_ = 0;
};

// Sizes fit their shapes, and the arrays tile the data exactly.
void check_layout(const SafetensorsHeader& header, uint64_t data_size, const std::string& file) {
    for (const auto& entry : header.entries) {
        const std::string where = concat(file, ": ", printable(entry.name));
        require(entry.begin <= entry.end, where, " has data offsets that run backwards (", entry.begin, ", ", entry.end, ")");
        require(entry.end <= data_size, where, " ends at byte ", entry.end, " of the data, of which there are only ", data_size,
                ": the file is truncated or damaged");
        const auto needed = static_cast<uint64_t>(checked_bytes(entry.shape, entry.dtype, where));
        require(needed == entry.end - entry.begin, where, " needs ", needed, " bytes for its shape, but its data offsets span ",
                entry.end - entry.begin);
    }
    std::vector<size_t> order(header.entries.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto& entries = header.entries;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        return std::pair(entries[a].begin, entries[a].end) < std::pair(entries[b].begin, entries[b].end);
    });
    uint64_t covered = 0;
    for (const size_t i : order) {
        if (entries[i].begin < covered) fail(file, ": ", printable(entries[i].name), " overlaps the array before it");
        if (entries[i].begin > covered)
            fail(file, ": there is a hole of ", entries[i].begin - covered, " bytes before ", printable(entries[i].name));
        covered = entries[i].end;
    }
    require(covered == data_size, file, ": ", data_size - covered, " bytes follow the last array");
}

std::string quoted_json(const std::string& text) {
    try {
        return nlohmann::json(text).dump();
    } catch (const nlohmann::json::exception&) {
        fail("the text ", printable(text), " is no valid UTF-8 and can't be written as safetensors");
    }
}

// Length and header; `order` receives the order in which the data follow.
std::string file_start(const std::vector<NamedView>& arrays, const std::map<std::string, std::string>& metadata,
                       std::vector<size_t>& order) {
    order.resize(arrays.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return size_of(arrays[a].dtype) > size_of(arrays[b].dtype); });
    std::vector<uint64_t> begin(arrays.size());
    uint64_t total = 0;
    std::unordered_set<std::string> names{std::string(metadata_key)};
    for (const size_t i : order) {
        require(names.insert(arrays[i].name).second, "two arrays are named ", printable(arrays[i].name), " (or as the format's own key)");
        begin[i] = total;
        total += static_cast<uint64_t>(checked_bytes(arrays[i].shape, arrays[i].dtype, arrays[i].name));
    }

    std::string json = "{";
    if (!metadata.empty()) {
        json += "\"__metadata__\":{";
        for (const auto& [key, value] : metadata) json += quoted_json(key) + ":" + quoted_json(value) + ",";
        json.back() = '}';
        json += ',';
    }
    for (size_t i = 0; i < arrays.size(); ++i) {
        const auto& array = arrays[i];
        const auto* name =
            std::find_if(std::begin(dtype_names), std::end(dtype_names), [&](const auto& d) { return d.second == array.dtype; });
        json += quoted_json(array.name) + ":{\"dtype\":\"" + std::string(name->first) + "\",\"shape\":[";
        for (size_t d = 0; d < array.shape.size(); ++d) json += (d ? "," : "") + std::to_string(array.shape[d]);
        const auto size = static_cast<uint64_t>(checked_bytes(array.shape, array.dtype, array.name));
        json += "],\"data_offsets\":[" + std::to_string(begin[i]) + "," + std::to_string(begin[i] + size) + "]},";
    }
    if (json.size() > 1) json.pop_back();
    json += '}';
    json.append((8 - json.size() % 8) % 8, ' ');
    require(json.size() < max_header, "the safetensors header would be ", json.size(), " bytes long, more than ", max_header);
    std::string out(8, '\0');
    for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(static_cast<uint64_t>(json.size()) >> (8 * i));
    return out + json;
}

std::vector<NamedView> views_of(const NamedArrays& arrays) {
    std::vector<NamedView> views;
    views.reserve(arrays.size());
    for (const auto& [name, array] : arrays) {
        require(static_cast<int64_t>(array.bytes.size()) == checked_bytes(array.shape, array.dtype, name), printable(name), " of ",
                describe(array), " holds ", array.bytes.size(), " bytes");
        views.push_back({name, array.dtype, array.shape, array.bytes.data()});
    }
    return views;
}

}  // namespace

SafetensorsHeader read_safetensors_header(const ByteSource& source) {
    const std::string& file = source.name();
    require(source.size() >= 10, file, ": is no safetensors file: only ", source.size(), " bytes long");
    uint8_t start[9];
    source.read(0, start, sizeof start);
    const auto length = load_le<uint64_t>(start);
    require(length <= max_header, file, ": its header would be ", length, " bytes long, more than the format's limit of ", max_header);
    require(length <= source.size() - 8, file, ": its header would be ", length, " bytes long, but the file has ", source.size(),
            ": it is truncated or damaged");
    require(start[8] == '{', file, ": is no safetensors file: its header does not start with '{'");

    SafetensorsHeader header;
    header.data_start = 8 + length;
    const auto text = source.read(8, length);
    HeaderReader reader(header, file);
    nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
    check_layout(header, source.size() - header.data_start, file);
    return header;
}

NamedArrays decode_safetensors(const ByteSource& source) {
    SafetensorsHeader header = read_safetensors_header(source);
    NamedArrays out;
    out.metadata = std::move(header.metadata);
    std::vector<Array> arrays(header.entries.size());
    const auto bytes_of = [&](size_t i) { return header.entries[i].end - header.entries[i].begin; };
    parallel_by_weight(arrays.size(), bytes_of, [&](size_t i) {
        auto& entry = header.entries[i];
        arrays[i].dtype = entry.dtype;
        arrays[i].shape = std::move(entry.shape);
        arrays[i].bytes = source.read(header.data_start + entry.begin, bytes_of(i));
    });
    for (size_t i = 0; i < arrays.size(); ++i) out.add(std::move(header.entries[i].name), std::move(arrays[i]));
    return out;
}

NamedArrays read_safetensors(const std::filesystem::path& path) { return decode_safetensors(ByteSource(path)); }

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedView>& arrays,
                       const std::map<std::string, std::string>& metadata) {
    std::vector<size_t> order;
    const std::string start = file_start(arrays, metadata, order);
    AtomicFile file(path);
    file.write(start);
    for (const size_t i : order)
        file.write(arrays[i].data, static_cast<size_t>(checked_bytes(arrays[i].shape, arrays[i].dtype, arrays[i].name)));
    file.commit();
}

void write_safetensors(const std::filesystem::path& path, const NamedArrays& arrays) {
    write_safetensors(path, views_of(arrays), arrays.metadata);
}

std::vector<uint8_t> encode_safetensors(const NamedArrays& arrays) {
    std::vector<size_t> order;
    const std::string start = file_start(views_of(arrays), arrays.metadata, order);
    std::vector<uint8_t> out(start.begin(), start.end());
    for (const size_t i : order) out.insert(out.end(), arrays[i].array.bytes.begin(), arrays[i].array.bytes.end());
    return out;
}

}  // namespace purnet
