#include "core/formats/pickle.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/formats/byte_source.h"
#include "core/formats/pickle_names.h"

namespace purnet {
namespace {

constexpr size_t max_values = 1'000'000, max_stack = 1'000'000, max_marks = 10'000;

// Opcodes by the names of pickletools.
enum Opcode : uint8_t {
    op_mark = '(',
    op_stop = '.',
    op_pop = '0',
    op_pop_mark = '1',
    op_dup = '2',
    op_none = 'N',
    op_new_true = 0x88,
    op_new_false = 0x89,
    op_bin_int = 'J',
    op_bin_int1 = 'K',
    op_bin_int2 = 'M',
    op_long1 = 0x8a,
    op_long4 = 0x8b,
    op_bin_float = 'G',
    op_bin_string = 'T',
    op_short_bin_string = 'U',
    op_bin_unicode = 'X',
    op_short_bin_unicode = 0x8c,
    op_bin_unicode8 = 0x8d,
    op_bin_bytes = 'B',
    op_short_bin_bytes = 'C',
    op_bin_bytes8 = 0x8e,
    op_bytearray8 = 0x96,
    op_empty_tuple = ')',
    op_tuple = 't',
    op_tuple1 = 0x85,
    op_tuple2 = 0x86,
    op_tuple3 = 0x87,
    op_empty_list = ']',
    op_list = 'l',
    op_append = 'a',
    op_appends = 'e',
    op_empty_dict = '}',
    op_dict = 'd',
    op_set_item = 's',
    op_set_items = 'u',
    op_empty_set = 0x8f,
    op_add_items = 0x90,
    op_frozen_set = 0x91,
    op_bin_put = 'q',
    op_long_bin_put = 'r',
    op_bin_get = 'h',
    op_long_bin_get = 'j',
    op_memoize = 0x94,
    op_global = 'c',
    op_stack_global = 0x93,
    op_reduce = 'R',
    op_build = 'b',
    op_new_obj = 0x81,
    op_new_obj_ex = 0x92,
    op_bin_persistent = 'Q',
    op_protocol = 0x80,
    op_frame = 0x95,
};

Pickle::Value value_of(Pickle::Kind kind, int64_t integer = 0) {
    Pickle::Value value;
    value.kind = kind;
    value.integer = integer;
    return value;
}

}  // namespace

Pickle::Pickle(std::span<const uint8_t> bytes, std::string file, bool more)
    : bytes_(bytes.first(std::min(bytes.size(), max_size))), file_(std::move(file)), more_(more || bytes.size() > max_size) {
    run();
}

void Pickle::refuse(const std::string& what) const { fail(file_, ": its pickle ", what, " (at byte ", at_, " of it)"); }

const uint8_t* Pickle::take(uint64_t count) {
    if (count > bytes_.size() - at_)
        refuse(more_ ? concat("is longer than ", max_size >> 20, " MiB") : std::string("ends too early: the file is truncated or damaged"));
    const uint8_t* begin = bytes_.data() + at_;
    at_ += count;
    return begin;
}

template <class T>
T Pickle::number() {
    return load_le<T>(take(sizeof(T)));
}

std::string_view Pickle::slice(uint64_t count) { return {reinterpret_cast<const char*>(take(count)), static_cast<size_t>(count)}; }

std::string_view Pickle::line() {
    constexpr size_t longest = 1000;
    const auto rest = bytes_.subspan(at_, std::min(longest, bytes_.size() - at_));
    const auto end = std::find(rest.begin(), rest.end(), uint8_t{'\n'});
    if (end == rest.end()) refuse("has a name without an end");
    const std::string_view text = slice(static_cast<uint64_t>(end - rest.begin()));
    take(1);
    return text;
}

Pickle::Ref Pickle::add(Value value) {
    if (values_.size() >= max_values) refuse(concat("holds more than ", max_values, " values"));
    values_.push_back(std::move(value));
    return static_cast<Ref>(values_.size() - 1);
}

void Pickle::push(Ref ref) {
    if (stack_.size() >= max_stack) refuse(concat("stacks more than ", max_stack, " values"));
    stack_.push_back(ref);
}

Pickle::Ref Pickle::top() const {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) refuse("takes a value from an empty stack");
    return stack_.back();
}

Pickle::Ref Pickle::pop() {
    const Ref ref = top();
    stack_.pop_back();
    return ref;
}

std::vector<Pickle::Ref> Pickle::pop_to_mark() {
    if (marks_.empty()) refuse("closes a mark that was not set");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<Ref> items(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return items;
}

void Pickle::memoize(uint64_t index) {
    const Ref ref = top();
    if (memo_.size() >= max_values) refuse(concat("memorises more than ", max_values, " values"));
    memo_[static_cast<uint32_t>(index)] = ref;
}

void Pickle::recall(uint64_t index) {
    const auto at = memo_.find(static_cast<uint32_t>(index));
    if (at == memo_.end()) refuse(concat("recalls value ", index, ", which it never memorised"));
    push(at->second);
}

int64_t Pickle::integer_of(Ref ref, const char* what) const {
    const Value& value = values_[ref];
    if (value.kind != Kind::integer) refuse(concat("has a tensor whose ", what, " is no integer"));
    return value.integer;
}

std::vector<int64_t> Pickle::dimensions(Ref tuple) const {
    const Value& value = values_[tuple];
    if (value.kind != Kind::tuple) refuse("has a tensor whose size or stride is no tuple");
    if (value.items.size() > max_file_rank) refuse(concat("has a tensor of ", value.items.size(), " dimensions"));
    std::vector<int64_t> out;
    for (const Ref item : value.items) {
        out.push_back(integer_of(item, "size or stride"));
        if (out.back() < 0) refuse(concat("has a tensor with the negative size or stride ", out.back()));
    }
    return out;
}

void Pickle::run() {
    while (step(*take(1))) {
    }
    if (stack_.size() != 1 || !marks_.empty()) refuse("ends with a stack that does not hold exactly one value");
    root_ = stack_.back();
}

bool Pickle::step(uint8_t opcode) {
    if (opcode == op_stop) return false;
    if (!step_literal(opcode)) step_structure(opcode);
    return true;
}

// Numbers and texts.
bool Pickle::step_literal(uint8_t opcode) {
    const auto text = [&](Kind kind, uint64_t length) {
        Value value = value_of(kind);
        value.text = slice(length);
        push(std::move(value));
    };
    const auto big = [&](uint64_t length) {
        const std::string_view digits = slice(length);
        Value value = value_of(length > 8 ? Kind::big : Kind::integer);
        value.text = digits;
        if (length <= 8) {  // two's complement, little endian
            uint64_t bits = length > 0 && (static_cast<uint8_t>(digits.back()) & 0x80) ? ~uint64_t{0} : 0;
            for (size_t i = length; i-- > 0;) bits = bits << 8 | static_cast<uint8_t>(digits[i]);
            value.integer = static_cast<int64_t>(bits);
        }
        push(std::move(value));
    };
    switch (opcode) {
        case op_none: push(value_of(Kind::none)); return true;
        case op_new_true: push(value_of(Kind::boolean, 1)); return true;
        case op_new_false: push(value_of(Kind::boolean, 0)); return true;
        case op_bin_int: push(value_of(Kind::integer, static_cast<int32_t>(number<uint32_t>()))); return true;
        case op_bin_int1: push(value_of(Kind::integer, number<uint8_t>())); return true;
        case op_bin_int2: push(value_of(Kind::integer, number<uint16_t>())); return true;
        case op_long1: big(number<uint8_t>()); return true;
        case op_long4: big(number<uint32_t>()); return true;
        case op_bin_float: take(8), push(value_of(Kind::real)); return true;  // learning rates and the like: not needed
        case op_bin_string: text(Kind::text, number<uint32_t>()); return true;
        case op_short_bin_string: text(Kind::text, number<uint8_t>()); return true;
        case op_bin_unicode: text(Kind::text, number<uint32_t>()); return true;
        case op_short_bin_unicode: text(Kind::text, number<uint8_t>()); return true;
        case op_bin_unicode8: text(Kind::text, number<uint64_t>()); return true;
        case op_bin_bytes: text(Kind::bytes, number<uint32_t>()); return true;
        case op_short_bin_bytes: text(Kind::bytes, number<uint8_t>()); return true;
        case op_bin_bytes8: text(Kind::bytes, number<uint64_t>()); return true;
        case op_bytearray8: text(Kind::bytes, number<uint64_t>()); return true;
        default: return false;
    }
}

// The stack, the memo, and containers.
void Pickle::step_structure(uint8_t opcode) {
    const auto container = [&](Kind kind, std::vector<Ref> items) {
        Value value = value_of(kind);
        value.items = std::move(items);
        push(std::move(value));
    };
    const auto last = [&](size_t count) {
        std::vector<Ref> items(count);
        for (size_t i = count; i-- > 0;) items[i] = pop();
        return items;
    };
    switch (opcode) {
        case op_protocol:
            if (const int protocol = number<uint8_t>(); protocol < 2 || protocol > 5) refuse(concat("has the unknown protocol ", protocol));
            return;
        case op_frame: number<uint64_t>(); return;  // a hint for buffering
        case op_mark:
            if (marks_.size() >= max_marks) refuse(concat("opens more than ", max_marks, " marks"));
            marks_.push_back(stack_.size());
            return;
        case op_pop: pop(); return;
        case op_pop_mark: pop_to_mark(); return;
        case op_dup: push(top()); return;
        case op_bin_put: memoize(number<uint8_t>()); return;
        case op_long_bin_put: memoize(number<uint32_t>()); return;
        case op_memoize: memoize(memo_.size()); return;
        case op_bin_get: recall(number<uint8_t>()); return;
        case op_long_bin_get: recall(number<uint32_t>()); return;
        case op_empty_tuple: container(Kind::tuple, {}); return;
        case op_tuple: container(Kind::tuple, pop_to_mark()); return;
        case op_tuple1: container(Kind::tuple, last(1)); return;
        case op_tuple2: container(Kind::tuple, last(2)); return;
        case op_tuple3: container(Kind::tuple, last(3)); return;
        case op_empty_list: container(Kind::list, {}); return;
        case op_list: container(Kind::list, pop_to_mark()); return;
        case op_empty_dict: container(Kind::dict, {}); return;
        case op_dict: {
            const auto items = pop_to_mark();
            container(Kind::dict, {});
            set_items(top(), items);
            return;
        }
        case op_empty_set: push(value_of(Kind::other)); return;
        case op_frozen_set: pop_to_mark(), push(value_of(Kind::other)); return;
        case op_append: {
            const Ref item = pop();
            append(top(), {item});
            return;
        }
        case op_appends:
        case op_add_items: {
            const auto items = pop_to_mark();
            append(top(), items);
            return;
        }
        case op_set_item: {
            const auto items = last(2);
            set_items(top(), items);
            return;
        }
        case op_set_items: {
            const auto items = pop_to_mark();
            set_items(top(), items);
            return;
        }
        default: step_call(opcode); return;
    }
}

// What would call something in Python.
void Pickle::step_call(uint8_t opcode) {
    switch (opcode) {
        case op_global: {
            const std::string_view module = line();
            push_global(module, line());
            return;
        }
        case op_stack_global: {
            const Ref name = pop(), module = pop();
            if (values_[name].kind != Kind::text || values_[module].kind != Kind::text) refuse("asks for a name that is no text");
            push_global(values_[module].text, values_[name].text);
            return;
        }
        case op_reduce:
        case op_new_obj: {
            const Ref arguments = pop(), function = pop();
            push(call(function, arguments));
            return;
        }
        case op_new_obj_ex: {
            pop();  // keyword arguments: only values whose content is not looked at have them
            const Ref arguments = pop(), function = pop();
            push(call(function, arguments));
            return;
        }
        case op_build: {  // attributes of an object: a state dict carries its format version so
            pop();
            const Kind kind = values_[top()].kind;
            if (kind != Kind::dict && kind != Kind::other && kind != Kind::tensor) refuse("sets attributes where there are none");
            return;
        }
        case op_bin_persistent: {
            const Ref id = pop();
            push(make_storage(values_[id]));
            return;
        }
        default: refuse(concat("has the instruction ", int{opcode}, ", which no weights file needs: refused"));
    }
}

void Pickle::append(Ref target, const std::vector<Ref>& items) {
    Value& value = values_[target];
    if (value.kind == Kind::other) return;
    if (value.kind != Kind::list) refuse("appends to something that is no list");
    value.items.insert(value.items.end(), items.begin(), items.end());
}

void Pickle::set_items(Ref target, const std::vector<Ref>& items) {
    Value& value = values_[target];
    if (items.size() % 2 != 0) refuse("sets a key without a value");
    if (value.kind == Kind::other) return;
    if (value.kind != Kind::dict) refuse("sets an entry in something that is no dictionary");
    value.items.insert(value.items.end(), items.begin(), items.end());
}

void Pickle::push_global(std::string_view module, std::string_view name) {
    const auto known = find_pickle_name(module, name);
    if (!known) {
        fail(file_, ": its pickle asks for ", printable(std::string(module) + "." + std::string(name)),
             ", which is not on the list of what a weights file may hold: refused, nothing was executed (a whole pickled model has to be "
             "saved again as its state_dict)");
    }
    Value value = value_of(known->role == PickleRole::dtype ? Kind::dtype : Kind::global, static_cast<int64_t>(known->role));
    if (known->role == PickleRole::dtype) value.integer = static_cast<int64_t>(known->dtype);
    value.text = name;
    push(std::move(value));
}

Pickle::Ref Pickle::call(Ref function, Ref arguments) {
    const Value& f = values_[function];
    const Value& args = values_[arguments];
    if (f.kind != Kind::global) refuse("calls something that is no function");
    if (args.kind != Kind::tuple) refuse("calls a function without a tuple of arguments");
    switch (static_cast<PickleRole>(f.integer)) {
        case PickleRole::ordered_dict: return ordered_dict(args);
        case PickleRole::default_dict: return add(value_of(Kind::dict));
        case PickleRole::size: {
            if (args.items.size() != 1 || values_[args.items[0]].kind != Kind::tuple) refuse("makes a torch.Size of no tuple");
            return args.items[0];
        }
        case PickleRole::tensor: return make_tensor(args, false);
        case PickleRole::typed_tensor: return make_tensor(args, true);
        case PickleRole::parameter: {
            if (args.items.empty() || values_[args.items[0]].kind != Kind::tensor) refuse("makes a parameter of no tensor");
            return args.items[0];
        }
        case PickleRole::from_type: {  // (function, class, arguments, attributes)
            if (args.items.size() < 3) refuse("makes a tensor of too few arguments");
            const Value& inner = values_[args.items[0]];
            const auto role = static_cast<PickleRole>(inner.integer);
            const bool makes_tensor = role == PickleRole::tensor || role == PickleRole::typed_tensor || role == PickleRole::parameter;
            // Only these, so that a chain of calls inside calls can't go deep.
            if (inner.kind != Kind::global || !makes_tensor) refuse("makes a tensor by something that makes none");
            return call(args.items[0], args.items[2]);
        }
        case PickleRole::other: return add(value_of(Kind::other));
        case PickleRole::storage:
        case PickleRole::untyped_storage:
        case PickleRole::dtype: break;
    }
    refuse(concat("calls ", printable(f.text), ", which is no function"));
}

// OrderedDict(), or, as Python 2 wrote it, OrderedDict([[key, value], …]).
Pickle::Ref Pickle::ordered_dict(const Value& arguments) {
    Value dict = value_of(Kind::dict);
    if (arguments.items.size() > 1) refuse("makes an OrderedDict of more than one argument");
    if (arguments.items.size() == 1) {
        const Value& pairs = values_[arguments.items[0]];
        if (pairs.kind != Kind::list && pairs.kind != Kind::tuple) refuse("makes an OrderedDict of no list");
        copied_ += pairs.items.size();
        if (copied_ > max_values) refuse(concat("copies more than ", max_values, " values"));
        for (const Ref ref : pairs.items) {
            const Value& pair = values_[ref];
            if ((pair.kind != Kind::list && pair.kind != Kind::tuple) || pair.items.size() != 2) refuse("makes an OrderedDict of no pairs");
            dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
        }
    }
    return add(std::move(dict));
}

// (storage, offset, shape, stride, requires_grad, hooks[, dtype][, metadata])
Pickle::Ref Pickle::make_tensor(const Value& arguments, bool typed) {
    const auto& items = arguments.items;
    if (items.size() < (typed ? 7u : 4u)) refuse("makes a tensor of too few arguments");
    const Value& source = values_[items[0]];
    if (source.kind != Kind::storage) refuse("makes a tensor of something that is no storage");
    PickleTensor out;
    out.storage = static_cast<size_t>(source.integer);
    const PickleStorage& bytes = storages_[out.storage];
    if (typed && values_[items[6]].kind != Kind::dtype) refuse("makes a tensor of something that is no element type");
    if (!typed && bytes.untyped) refuse("makes a tensor without element type");
    out.dtype = typed ? static_cast<FileDType>(values_[items[6]].integer) : bytes.dtype;
    out.offset = integer_of(items[1], "offset");
    if (out.offset < 0) refuse("has a tensor with a negative offset");
    out.shape = items[2];
    out.stride = items[3];
    if (dimensions(out.shape).size() != dimensions(out.stride).size())
        refuse("has a tensor with another number of strides than dimensions");
    tensors_.push_back(out);
    return add(value_of(Kind::tensor, static_cast<int64_t>(tensors_.size() - 1)));
}

// ('storage', type, key, device, count) or, in older files, one more: None or (key of the view, offset, count).
Pickle::Ref Pickle::make_storage(const Value& id) {
    const auto& items = id.items;
    const auto is = [&](size_t i, Kind kind) { return values_[items[i]].kind == kind; };
    const bool form = id.kind == Kind::tuple && (items.size() == 5 || items.size() == 6) && is(0, Kind::text) &&
                      values_[items[0]].text == "storage" && is(1, Kind::global) && is(2, Kind::text) && is(4, Kind::integer);
    if (!form) refuse("refers to something outside of it that is no storage");
    const auto role = static_cast<PickleRole>(values_[items[1]].integer);
    if (role != PickleRole::storage && role != PickleRole::untyped_storage) refuse("has a storage whose type is none");

    PickleStorage out;
    out.key = values_[items[2]].text;
    out.untyped = role == PickleRole::untyped_storage;
    if (!out.untyped) out.dtype = storage_dtype(values_[items[1]].text);
    out.count = values_[items[4]].integer;
    if (out.count < 0 || out.count > (int64_t{1} << 60)) refuse(concat("has a storage of ", out.count, " elements"));
    out.view_count = out.count;
    if (items.size() == 6 && !is(5, Kind::none)) {
        const Value& view = values_[items[5]];
        if (view.kind != Kind::tuple || view.items.size() != 3) refuse("has a view of a storage of an unknown form");
        out.view_begin = integer_of(view.items[1], "view");
        out.view_count = integer_of(view.items[2], "view");
        if (out.view_begin < 0 || out.view_count < 0 || out.view_begin > out.count || out.view_count > out.count - out.view_begin)
            refuse("has a view outside of its storage");
    }
    const auto [known, fresh] = storage_index_.emplace(out.key, storages_.size());
    if (!fresh) {
        const PickleStorage& first = storages_[known->second];
        if (first.dtype != out.dtype || first.untyped != out.untyped || first.count != out.count)
            refuse(concat("describes the storage ", printable(out.key), " in two ways"));
        if (first.view_begin == out.view_begin && first.view_count == out.view_count)
            return add(value_of(Kind::storage, static_cast<int64_t>(known->second)));
    }
    storages_.push_back(out);
    return add(value_of(Kind::storage, static_cast<int64_t>(storages_.size() - 1)));
}

}  // namespace purnet
