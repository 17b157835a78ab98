#include "core/formats/pth.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "core/formats/pickle.h"
#include "core/formats/zip_reader.h"

namespace purnet {
namespace {

// Every older file starts so: protocol 2 and up, the number 0x1950a86a20f9469cfc6c as ten bytes, the end of the pickle.
constexpr uint8_t legacy_magic[] = {0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};

// Where the bytes of storages lie.
class StorageReader {
public:
    virtual ~StorageReader() = default;
    // Error unless the file holds exactly the bytes that the storage is said to have.
    virtual void check(const PickleStorage& storage, uint64_t bytes) const = 0;
    virtual void read(const PickleStorage& storage, uint64_t bytes, uint8_t* out) const = 0;
};

uint64_t bytes_of(const PickleStorage& storage) {
    return static_cast<uint64_t>(storage.count) * (storage.untyped ? 1 : size_of(storage.dtype));  // count is at most 2^60
}

class ZipStorages : public StorageReader {
public:
    ZipStorages(const ZipReader& zip, std::string prefix, const std::string& file) : zip_(zip), prefix_(std::move(prefix)), file_(file) {}

    void check(const PickleStorage& storage, uint64_t bytes) const override { zip_.data_offset(entry(storage, bytes)); }
    void read(const PickleStorage& storage, uint64_t bytes, uint8_t* out) const override { zip_.read(entry(storage, bytes), out); }

private:
    const ZipReader::Entry& entry(const PickleStorage& storage, uint64_t bytes) const {
        const auto* found = zip_.find(prefix_ + "data/" + std::string(storage.key));
        require(found != nullptr, file_, ": the bytes of storage ", printable(storage.key), " are missing");
        require(found->size == bytes, file_, ": storage ", printable(storage.key), " has ", found->size, " bytes, but its pickle says ",
                bytes);
        return *found;
    }

    const ZipReader& zip_;
    std::string prefix_;
    const std::string& file_;
};

class LegacyStorages : public StorageReader {
public:
    // The section of storages begins at `at`; `keys` tells their order.
    LegacyStorages(const ByteSource& source, uint64_t at, const Pickle& keys, const Pickle& pickle) : source_(source) {
        const std::string& file = source.name();
        std::unordered_map<std::string_view, const PickleStorage*> known;
        for (const PickleStorage& storage : pickle.storages()) known.emplace(storage.key, &storage);
        require(keys.root().kind == Pickle::Kind::list, file, ": its list of storages is no list: damaged");
        for (const Pickle::Ref ref : keys.root().items) {
            const Pickle::Value& key = keys.value(ref);
            require(key.kind == Pickle::Kind::text, file, ": its list of storages holds something that is no name: damaged");
            const auto found = known.find(key.text);
            require(found != known.end(), file, ": it has a storage ", printable(key.text), " that nothing refers to");
            uint8_t count[8];
            source.read(at, count, sizeof count);
            at += sizeof count;
            const PickleStorage& storage = *found->second;
            require(load_le<uint64_t>(count) == static_cast<uint64_t>(storage.count), file, ": storage ", printable(key.text), " has ",
                    load_le<uint64_t>(count), " elements, but its pickle says ", storage.count);
            const uint64_t bytes = bytes_of(storage);
            require(bytes <= source.size() - at, file, ": storage ", printable(key.text), " needs ", bytes, " bytes, but ",
                    source.size() - at, " are left: the file is truncated or damaged");
            require(offsets_.emplace(std::string(key.text), at).second, file, ": it has two storages ", printable(key.text));
            at += bytes;
        }
        require(at == source.size(), file, ": ", source.size() - at, " bytes follow the last storage");
    }

    void check(const PickleStorage& storage, uint64_t) const override { offset(storage); }
    void read(const PickleStorage& storage, uint64_t bytes, uint8_t* out) const override { source_.read(offset(storage), out, bytes); }

private:
    uint64_t offset(const PickleStorage& storage) const {
        const auto found = offsets_.find(std::string(storage.key));
        require(found != offsets_.end(), source_.name(), ": the bytes of storage ", printable(storage.key), " are missing");
        return found->second;
    }

    const ByteSource& source_;
    std::unordered_map<std::string, uint64_t> offsets_;
};

// Makes arrays of the tensors of one file.
class Materialiser {
public:
    Materialiser(const Pickle& pickle, const StorageReader& storages, const ByteSource& source)
        : pickle_(pickle), storages_(storages), file_(source.name()), budget_(4 * source.size() + (uint64_t{1} << 20)) {}

    Array array(const PickleTensor& tensor, std::string_view name) {
        const std::string where = concat(file_, ": ", printable(name));
        const PickleStorage& storage = pickle_.storages()[tensor.storage];
        const uint64_t storage_bytes = bytes_of(storage);
        storages_.check(storage, storage_bytes);

        Array out;
        out.dtype = tensor.dtype;
        out.shape = pickle_.dimensions(tensor.shape);
        const auto stride = pickle_.dimensions(tensor.stride);
        const auto size = static_cast<int64_t>(size_of(tensor.dtype));
        const auto needed = static_cast<uint64_t>(checked_bytes(out.shape, tensor.dtype, where));
        const int64_t first = check_bounds(tensor, storage, out.shape, stride, where);
        require(needed <= budget_, where, " would hold ", needed, " bytes, which a file of this size does not justify: refused");
        budget_ -= needed;
        out.bytes.resize(needed);
        if (needed == 0) return out;

        const bool whole = first == 0 && needed == storage_bytes && contiguous(out.shape, stride);
        if (whole) {
            storages_.read(storage, storage_bytes, out.bytes.data());
        } else {
            gather(cached(storage, storage_bytes).data() + first * size, out, stride);
        }
        return out;
    }

private:
    // The first element, counted from the start of the storage; Error where the last one lies outside.
    int64_t check_bounds(const PickleTensor& tensor, const PickleStorage& storage, const std::vector<int64_t>& shape,
                         const std::vector<int64_t>& stride, const std::string& where) const {
        const auto size = static_cast<int64_t>(size_of(tensor.dtype));
        require(!storage.untyped || storage.view_begin % size == 0, where, " begins within an element of its storage: the file is damaged");
        const int64_t visible = storage.untyped ? storage.view_count / size : storage.view_count;
        const auto outside = [&] { fail(where, " reaches outside of its storage of ", visible, " elements: the file is damaged"); };
        if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;  // nothing is read
        int64_t last = tensor.offset;
        for (size_t d = 0; d < shape.size(); ++d) {
            if (shape[d] < 2) continue;
            if (last > visible || stride[d] > (visible - last) / (shape[d] - 1)) outside();
            last += stride[d] * (shape[d] - 1);
        }
        if (last >= visible) outside();
        return (storage.untyped ? storage.view_begin / size : storage.view_begin) + tensor.offset;
    }

    static bool contiguous(const std::vector<int64_t>& shape, const std::vector<int64_t>& stride) {
        int64_t step = 1;
        for (size_t d = shape.size(); d-- > 0;) {
            if (shape[d] != 1 && stride[d] != step) return false;
            step *= shape[d];
        }
        return true;
    }

    // A storage of which tensors show parts is read once, whole: all of them together are no larger than the file.
    const std::vector<uint8_t>& cached(const PickleStorage& storage, uint64_t bytes) {
        auto& content = cache_[storage.key];
        if (content.empty()) {
            content.resize(bytes);
            storages_.read(storage, bytes, content.data());
        }
        return content;
    }

    static void gather(const uint8_t* first, Array& out, const std::vector<int64_t>& stride) {
        const size_t size = size_of(out.dtype), rank = out.shape.size();
        std::vector<int64_t> index(rank, 0);
        int64_t from = 0;
        for (size_t to = 0; to < out.bytes.size(); to += size) {
            std::memcpy(out.bytes.data() + to, first + from * static_cast<int64_t>(size), size);
            for (size_t d = rank; d-- > 0;) {
                from += stride[d];
                if (++index[d] < out.shape[d]) break;
                from -= stride[d] * out.shape[d];
                index[d] = 0;
            }
        }
    }

    const Pickle& pickle_;
    const StorageReader& storages_;
    const std::string& file_;
    uint64_t budget_;
    std::unordered_map<std::string_view, std::vector<uint8_t>> cache_;
};

// Whether a dictionary holds tensors; each is walked once, however often a hostile pickle refers to it.
class TensorFinder {
public:
    explicit TensorFinder(const Pickle& pickle) : pickle_(pickle) {}

    bool operator()(const Pickle::Value& value) {
        if (value.kind != Pickle::Kind::dict) return false;
        const auto [known, fresh] = known_.emplace(&value, false);
        for (size_t i = 1; fresh && !known->second && i < value.items.size(); i += 2)
            known->second = pickle_.value(value.items[i]).kind == Pickle::Kind::tensor;
        return known->second;
    }

private:
    const Pickle& pickle_;
    std::unordered_map<const Pickle::Value*, bool> known_;
};

// The dictionary of tensors in what was saved; `path` receives where it was found.
const Pickle::Value& find_state_dict(const Pickle& pickle, const std::string& file, std::string& path) {
    static constexpr std::string_view usual[] = {"state_dict", "model_state_dict", "model_state", "model",  "net",
                                                 "network",    "module",           "params",      "weights"};
    constexpr int deepest = 4;  // {'model': {'state_dict': …}} and a little more
    TensorFinder holds_tensors(pickle);
    const Pickle::Value* at = &pickle.root();
    for (int depth = 0; depth < deepest; ++depth) {
        require(at->kind == Pickle::Kind::dict, file, ": holds no dictionary of tensors (save the model's state_dict())");
        if (holds_tensors(*at)) return *at;

        const Pickle::Value* next = nullptr;
        std::string_view next_name;
        for (const std::string_view name : usual) {
            for (size_t i = 0; i < at->items.size() && !next; i += 2) {
                const Pickle::Value &key = pickle.value(at->items[i]), &value = pickle.value(at->items[i + 1]);
                if (key.kind == Pickle::Kind::text && key.text == name && value.kind == Pickle::Kind::dict) next = &value, next_name = name;
            }
        }
        if (!next) {
            std::string found;
            size_t count = 0;
            for (size_t i = 0; i < at->items.size(); i += 2) {
                const Pickle::Value &key = pickle.value(at->items[i]), &value = pickle.value(at->items[i + 1]);
                if (key.kind != Pickle::Kind::text || !holds_tensors(value)) continue;
                next = &value;
                next_name = key.text;
                if (++count <= 8) found += (found.empty() ? "" : ", ") + printable(key.text);
            }
            require(count < 2, file, ": holds several dictionaries of tensors (", found, "): save the one that is meant by itself");
        }
        require(next != nullptr, file, ": holds no tensors (save the model's state_dict())");
        path += (path.empty() ? "" : ".") + std::string(next_name.substr(0, 200));
        at = next;
    }
    fail(file, ": holds no dictionary of tensors near its top (save the model's state_dict())");
}

NamedArrays collect(const Pickle& pickle, const StorageReader& storages, const ByteSource& source) {
    NamedArrays out;
    std::string path;
    const Pickle::Value& state = find_state_dict(pickle, source.name(), path);
    if (!path.empty()) out.metadata["pth.entry"] = path;
    Materialiser materialiser(pickle, storages, source);
    for (size_t i = 0; i < state.items.size(); i += 2) {
        const Pickle::Value &key = pickle.value(state.items[i]), &value = pickle.value(state.items[i + 1]);
        if (value.kind != Pickle::Kind::tensor) continue;
        require(key.kind == Pickle::Kind::text, source.name(), ": its state dict has a tensor without a name");
        require(!out.contains(key.text), source.name(), ": its state dict has two tensors named ", printable(key.text));
        require(key.text.size() <= 1000, source.name(), ": its state dict has a name of ", key.text.size(), " bytes");
        out.add(std::string(key.text), materialiser.array(pickle.tensor(value), key.text));
    }
    return out;
}

NamedArrays decode_zip(const ByteSource& source) {
    const std::string& file = source.name();
    const ZipReader zip(source);
    const ZipReader::Entry* pickle_entry = nullptr;
    constexpr std::string_view suffix = "/data.pkl";
    for (const auto& entry : zip.entries()) {
        const bool first_level = entry.name.ends_with(suffix) && entry.name.find('/') == entry.name.size() - suffix.size();
        if (!first_level) continue;
        require(pickle_entry == nullptr, file, ": is a zip file with two checkpoints in it");
        pickle_entry = &entry;
    }
    require(pickle_entry != nullptr, file, ": not a weights file: it is a zip file without the data.pkl of a PyTorch checkpoint");
    const std::string prefix = pickle_entry->name.substr(0, pickle_entry->name.size() - suffix.size() + 1);
    require(!zip.find(prefix + "constants.pkl"), file, ": is a TorchScript program, not a checkpoint (save the model's state_dict())");
    if (const auto* order = zip.find(prefix + "byteorder")) {
        require(order->size <= 16, file, ": its byte order is damaged");
        const auto text = zip.read(*order);
        require(std::string_view(reinterpret_cast<const char*>(text.data()), text.size()) == "little", file,
                ": was written on a big-endian machine, which is not supported");
    }
    require(pickle_entry->size <= Pickle::max_size, file, ": its pickle is longer than ", Pickle::max_size >> 20, " MiB");
    const auto bytes = zip.read(*pickle_entry);
    const Pickle pickle(bytes, file);
    return collect(pickle, ZipStorages(zip, prefix, file), source);
}

NamedArrays decode_legacy(const ByteSource& source) {
    const std::string& file = source.name();
    const uint64_t size = source.size();
    const auto bytes = source.read(0, std::min<uint64_t>(size, Pickle::max_size + (uint64_t{1} << 20)));
    std::span<const uint8_t> rest = bytes;
    const bool more = bytes.size() < size;
    const auto next = [&] {
        auto pickle = std::make_unique<Pickle>(rest, file, more);
        rest = rest.subspan(pickle->consumed());
        return pickle;
    };
    next();  // the magic number
    const auto version = next();
    require(version->root().kind == Pickle::Kind::integer && version->root().integer == 1001, file,
            ": its format version is not 1001, the only one there is: damaged");
    const auto system = next();
    for (size_t i = 0; i + 1 < system->root().items.size(); i += 2) {
        const Pickle::Value &key = system->value(system->root().items[i]), &value = system->value(system->root().items[i + 1]);
        require(key.text != "little_endian" || value.integer == 1, file, ": was written on a big-endian machine, which is not supported");
    }
    const auto object = next();
    const auto keys = next();
    const LegacyStorages storages(source, bytes.size() - rest.size(), *keys, *object);
    return collect(*object, storages, source);
}

}  // namespace

bool looks_like_zip(const ByteSource& source) {
    uint8_t start[4];
    if (source.size() < sizeof start) return false;
    source.read(0, start, sizeof start);
    return load_le<uint32_t>(start) == 0x04034b50;
}

bool looks_like_legacy_pth(const ByteSource& source) {
    uint8_t start[2 + sizeof legacy_magic];
    if (source.size() < sizeof start) return false;
    source.read(0, start, sizeof start);
    return start[0] == 0x80 && std::equal(std::begin(legacy_magic), std::end(legacy_magic), start + 2);
}

NamedArrays decode_pth(const ByteSource& source) {
    if (looks_like_zip(source)) return decode_zip(source);
    require(looks_like_legacy_pth(source), source.name(), ": not a weights file: it is no PyTorch checkpoint");
    return decode_legacy(source);
}

NamedArrays read_pth(const std::filesystem::path& path) { return decode_pth(ByteSource(path)); }

}  // namespace purnet
