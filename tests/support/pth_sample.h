// Makes PyTorch checkpoints by bytes, good and bad ones: a pickle emitter, a zip writer (optionally zip64), and the older
// form. Independent of the reader: it writes what Python's pickletools and a hex dump of torch.save's files show.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace purnet::test {

using ByteVector = std::vector<uint8_t>;

template <class T>
void put_le(ByteVector& out, T value) {
    for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> (8 * i)));
}
inline void put_text(ByteVector& out, const std::string& text) { out.insert(out.end(), text.begin(), text.end()); }

// One call an instruction; chained.
class PickleWriter {
public:
    PickleWriter() { op(0x80).op(2); }

    PickleWriter& op(int byte) {
        bytes.push_back(static_cast<uint8_t>(byte));
        return *this;
    }
    PickleWriter& raw(const std::string& text) {
        put_text(bytes, text);
        return *this;
    }
    PickleWriter& global(const std::string& module, const std::string& name) { return op('c').raw(module + "\n" + name + "\n"); }
    PickleWriter& text(const std::string& value) {
        op('X');
        put_le(bytes, static_cast<uint32_t>(value.size()));
        return raw(value);
    }
    PickleWriter& integer(int64_t value) {  // LONG1 of eight bytes holds any
        op(0x8a).op(8);
        put_le(bytes, value);
        return *this;
    }
    PickleWriter& put(int index) { return op('q').op(index); }
    PickleWriter& get(int index) { return op('h').op(index); }
    PickleWriter& integers(const std::vector<int64_t>& values) {
        op('(');
        for (const int64_t value : values) integer(value);
        return op('t');
    }
    PickleWriter& storage(const std::string& type, const std::string& key, int64_t count, bool legacy) {
        op('(').text("storage").global("torch", type).text(key).text("cpu").integer(count);
        if (legacy) op('N');
        return op('t').op('Q');
    }
    ByteVector stop() {
        op('.');
        return bytes;
    }

    ByteVector bytes;
};

struct SampleTensor {
    std::string name, type, key;  // type: "FloatStorage"
    int64_t count = 0;            // of the storage
    int64_t offset = 0;
    std::vector<int64_t> shape, stride;
};

inline PickleWriter& put_tensor(PickleWriter& out, const SampleTensor& t, bool legacy) {
    out.global("torch._utils", "_rebuild_tensor_v2").op('(').storage(t.type, t.key, t.count, legacy);
    out.integer(t.offset).integers(t.shape).integers(t.stride).op(0x89);
    return out.global("collections", "OrderedDict").op(')').op('R').op('t').op('R');
}

// OrderedDict of the tensors, without STOP.
inline PickleWriter& put_state_dict(PickleWriter& out, const std::vector<SampleTensor>& tensors, bool legacy) {
    out.global("collections", "OrderedDict").op(')').op('R').op('(');
    for (const auto& tensor : tensors) put_tensor(out.text(tensor.name), tensor, legacy);
    return out.op('u');
}

inline ByteVector state_dict_pickle(const std::vector<SampleTensor>& tensors, bool legacy) {
    PickleWriter out;
    return put_state_dict(out, tensors, legacy).stop();
}

using ZipEntries = std::vector<std::pair<std::string, ByteVector>>;

// Uncompressed zip; with `wide` every length and offset stands in zip64 fields.
inline ByteVector zip_file(const ZipEntries& entries, bool wide = false) {
    ByteVector out, directory;
    const uint32_t full = 0xffffffffu;
    for (const auto& entry : entries) {
        const std::string& name = entry.first;
        const ByteVector& data = entry.second;
        const uint64_t offset = out.size();
        const auto crc = static_cast<uint32_t>(::crc32(0, data.data(), static_cast<uInt>(data.size())));
        const auto size = static_cast<uint32_t>(data.size());
        const auto common = [&](ByteVector& to, size_t extra) {
            for (const uint16_t field : {uint16_t{20}, uint16_t{0}, uint16_t{0}, uint16_t{0}, uint16_t{0}}) put_le(to, field);
            put_le(to, crc);
            put_le(to, wide ? full : size);
            put_le(to, wide ? full : size);
            put_le(to, static_cast<uint16_t>(name.size()));
            put_le(to, static_cast<uint16_t>(extra));
        };
        const auto zip64 = [&](ByteVector& to, bool with_offset) {
            put_le(to, uint16_t{1});
            put_le(to, static_cast<uint16_t>(with_offset ? 24 : 16));
            put_le(to, uint64_t{size});
            put_le(to, uint64_t{size});
            if (with_offset) put_le(to, offset);
        };
        put_le(out, 0x04034b50u);
        common(out, wide ? 20 : 0);
        put_text(out, name);
        if (wide) zip64(out, false);
        out.insert(out.end(), data.begin(), data.end());

        put_le(directory, 0x02014b50u);
        put_le(directory, uint16_t{20});
        common(directory, wide ? 28 : 0);
        put_le(directory, uint16_t{0});  // comment
        put_le(directory, uint16_t{0});  // disk
        put_le(directory, uint16_t{0});
        put_le(directory, 0u);
        put_le(directory, wide ? full : static_cast<uint32_t>(offset));
        put_text(directory, name);
        if (wide) zip64(directory, true);
    }
    const uint64_t begin = out.size(), size = directory.size(), count = entries.size();
    out.insert(out.end(), directory.begin(), directory.end());
    if (wide) {
        const uint64_t end64 = out.size();
        put_le(out, 0x06064b50u);
        put_le(out, uint64_t{44});
        put_le(out, uint32_t{0x002d002d});
        put_le(out, uint64_t{0});
        for (const uint64_t field : {count, count, size, begin}) put_le(out, field);
        put_le(out, 0x07064b50u);
        put_le(out, 0u);
        put_le(out, end64);
        put_le(out, 1u);
    }
    put_le(out, 0x06054b50u);
    put_le(out, 0u);
    put_le(out, static_cast<uint16_t>(count));
    put_le(out, static_cast<uint16_t>(count));
    put_le(out, wide ? full : static_cast<uint32_t>(size));
    put_le(out, wide ? full : static_cast<uint32_t>(begin));
    put_le(out, uint16_t{0});
    return out;
}

using StorageBytes = std::vector<std::pair<std::string, ByteVector>>;

inline ZipEntries pth_entries(const ByteVector& pickle, const StorageBytes& storages) {
    ZipEntries entries{{"archive/data.pkl", pickle}, {"archive/byteorder", {'l', 'i', 't', 't', 'l', 'e'}}};
    for (const auto& [key, bytes] : storages) entries.emplace_back("archive/data/" + key, bytes);
    entries.emplace_back("archive/version", ByteVector{'3', '\n'});
    return entries;
}
inline ByteVector zip_pth(const ByteVector& pickle, const StorageBytes& storages, bool wide = false) {
    return zip_file(pth_entries(pickle, storages), wide);
}

// The older form; `counts` are the elements of each storage.
inline ByteVector legacy_pth(const ByteVector& pickle, const StorageBytes& storages, const std::vector<int64_t>& counts) {
    ByteVector out;
    const auto append = [&](const ByteVector& part) { out.insert(out.end(), part.begin(), part.end()); };
    append(PickleWriter().raw(std::string("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12)).stop());
    append(PickleWriter().op('M').op(0xe9).op(0x03).stop());
    append(PickleWriter().op('}').op('(').text("protocol_version").integer(1001).text("little_endian").op(0x88).op('u').stop());
    append(pickle);
    PickleWriter keys;
    keys.op(']').op('(');
    for (const auto& storage : storages) keys.text(storage.first);
    append(keys.op('e').stop());
    for (size_t i = 0; i < storages.size(); ++i) {
        put_le(out, counts[i]);
        append(storages[i].second);
    }
    return out;
}

template <class T>
ByteVector bytes_of(const std::vector<T>& values) {
    const auto* at = reinterpret_cast<const uint8_t*>(values.data());
    return {at, at + values.size() * sizeof(T)};
}

}  // namespace purnet::test
