// A reader of the pickles that PyTorch writes. It builds a tree of values and executes nothing: a pickle is a program for a
// stack machine, and of its instructions those that call something (REDUCE, NEWOBJ, BUILD, persistent ids) have an effect
// only for a fixed list of names, each implemented here as data. Any other name (os.system, a class of somebody's) is an
// Error that says the name.
//
// The list: collections.OrderedDict, collections.defaultdict; torch.Size; torch.*Storage, torch.storage.UntypedStorage;
// torch._utils._rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3, _rebuild_parameter, _rebuild_parameter_with_state,
// torch._tensor._rebuild_from_type_v2;
// torch's dtypes. And, kept as "something" without looking at it, what optimisers, schedules and option sets leave in
// checkpoints: argparse.Namespace, collections.Counter, numpy scalars and arrays, torch.device, plain builtin types.
//
// Source: the opcode descriptions of Python's pickletools module (protocols 2 to 5), PyTorch's torch/serialization.py.
// Limits: 16 MiB of pickle, half a million values on the heap, in the memo and on the stack, 10,000 open marks. Values refer to each other
// by index, so cycles and shared parts cost nothing here; who walks the tree bounds the depth.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/formats/array.h"

namespace purnet {

// Bytes that a tensor refers to: persistent id ('storage', type, key, device, count[, view]).
struct PickleStorage {
    std::string_view key;
    FileDType dtype = FileDType::u8;
    bool untyped = false;  // count is in bytes, whatever the tensors' type
    int64_t count = 0;
    int64_t view_begin = 0, view_count = 0;  // elements of it that are visible (older files: a view of a storage)
};

// Shape and stride stay in the tree, where many tensors may share them: a small file can't ask for many copies.
struct PickleTensor {
    size_t storage = 0;
    FileDType dtype = FileDType::f32;
    int64_t offset = 0;              // elements
    uint32_t shape = 0, stride = 0;  // tuples: Pickle::dimensions()
};

class Pickle {
public:
    using Ref = uint32_t;
    enum class Kind : uint8_t { none, boolean, integer, big, real, text, bytes, tuple, list, dict, global, dtype, storage, tensor, other };

    struct Value {
        Kind kind = Kind::none;
        int64_t integer = 0;     // boolean, integer; storage and tensor: index; global: which; dtype: FileDType
        std::string_view text;   // text, bytes, big (little endian), global: "module\nname"
        std::vector<Ref> items;  // tuple, list; dict: key, value, key, value, …

        explicit Value(Kind k, int64_t number = 0) : kind(k), integer(number) {}
    };

    static constexpr size_t max_size = size_t{16} << 20, max_values = 500'000;

    // Reads one pickle from the start of `bytes`, which must outlive this. `file` is for messages. `more` says that the file
    // goes on behind `bytes`, so that running out of them means "too long" and not "truncated".
    Pickle(std::span<const uint8_t> bytes, std::string file, bool more = false);

    size_t consumed() const { return at_; }
    const Value& root() const { return values_[root_]; }
    const Value& value(Ref ref) const { return values_[ref]; }
    const std::deque<PickleStorage>& storages() const { return storages_; }
    const PickleTensor& tensor(const Value& value) const { return tensors_[static_cast<size_t>(value.integer)]; }
    std::vector<int64_t> dimensions(Ref tuple) const;  // none negative, at most max_file_rank

private:
    void run();
    bool step(uint8_t opcode);  // false: STOP
    bool step_literal(uint8_t opcode);
    void step_structure(uint8_t opcode);
    void step_call(uint8_t opcode);

    [[noreturn]] void refuse(const std::string& what) const;
    const uint8_t* take(uint64_t count);
    template <class T>
    T number();
    std::string_view line();
    std::string_view slice(uint64_t count);

    Ref add(Value value);
    void push(Ref ref);
    void push(Value value) { push(add(std::move(value))); }
    Ref pop();
    Ref top() const;
    std::vector<Ref> pop_to_mark();
    void memoize(uint64_t index);
    void recall(uint64_t index);

    void push_global(std::string_view module, std::string_view name);
    Ref call(Ref function, Ref arguments);
    Ref ordered_dict(const Value& arguments);
    Ref make_tensor(const Value& arguments, bool typed);
    Ref make_storage(const Value& id);
    void append(Ref target, const std::vector<Ref>& items);
    void set_items(Ref target, const std::vector<Ref>& items);
    int64_t integer_of(Ref ref, const char* what) const;

    std::span<const uint8_t> bytes_;
    std::string file_;
    bool more_;
    size_t at_ = 0;
    Ref root_ = 0;
    std::deque<Value> values_;
    std::vector<Ref> stack_;
    std::vector<size_t> marks_;
    std::unordered_map<uint32_t, Ref> memo_;
    std::deque<PickleStorage> storages_;
    std::unordered_map<std::string_view, size_t> storage_index_;
    std::deque<PickleTensor> tensors_;
    size_t copied_ = 0;  // values that calls copied: bounded, for a call is cheaper to write than what it copies
};

}  // namespace purnet
