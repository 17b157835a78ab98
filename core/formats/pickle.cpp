#include "core/formats/pickle.h"

#include <algorithm>

#include "core/formats/byte_source.h"

namespace purnet {
namespace {

constexpr size_t max_marks = 10'000;

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
    if (stack_.size() >= max_values) refuse(concat("stacks more than ", max_values, " values"));
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
        Value value(kind);
        value.text = slice(length);
        push(std::move(value));
    };
    const auto big = [&](uint64_t length) {
        const std::string_view digits = slice(length);
        Value value(length > 8 ? Kind::big : Kind::integer);
        value.text = digits;
        if (length <= 8) {  // two's complement, little endian
            uint64_t bits = length > 0 && (static_cast<uint8_t>(digits.back()) & 0x80) ? ~uint64_t{0} : 0;
            for (size_t i = length; i-- > 0;) bits = bits << 8 | static_cast<uint8_t>(digits[i]);
            value.integer = static_cast<int64_t>(bits);
        }
        push(std::move(value));
    };
    switch (opcode) {
        case op_none: push(Value(Kind::none)); return true;
        case op_new_true: push(Value(Kind::boolean, 1)); return true;
        case op_new_false: push(Value(Kind::boolean, 0)); return true;
        case op_bin_int: push(Value(Kind::integer, static_cast<int32_t>(number<uint32_t>()))); return true;
        case op_bin_int1: push(Value(Kind::integer, number<uint8_t>())); return true;
        case op_bin_int2: push(Value(Kind::integer, number<uint16_t>())); return true;
        case op_long1: big(number<uint8_t>()); return true;
        case op_long4: big(number<uint32_t>()); return true;
        case op_bin_float: take(8), push(Value(Kind::real)); return true;  // learning rates and the like: not needed
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
        Value value(kind);
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
        case op_empty_set: push(Value(Kind::other)); return;
        case op_frozen_set: pop_to_mark(), push(Value(Kind::other)); return;
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

}  // namespace purnet
