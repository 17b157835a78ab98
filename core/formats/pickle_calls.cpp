// The part of the reader that gives the few known names their meaning.
#include "core/formats/byte_source.h"
#include "core/formats/pickle.h"
#include "core/formats/pickle_names.h"

namespace purnet {

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

void Pickle::push_global(std::string_view module, std::string_view name) {
    const auto known = find_pickle_name(module, name);
    if (!known) {
        fail(file_, ": its pickle asks for ", printable(std::string(module) + "." + std::string(name)),
             ", which is not on the list of what a weights file may hold: refused, nothing was executed (a whole pickled model has to be "
             "saved again as its state_dict)");
    }
    Value value(known->role == PickleRole::dtype ? Kind::dtype : Kind::global, static_cast<int64_t>(known->role));
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
        case PickleRole::default_dict: return add(Value(Kind::dict));
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
        case PickleRole::other: return add(Value(Kind::other));
        case PickleRole::storage:
        case PickleRole::untyped_storage:
        case PickleRole::dtype: break;
    }
    refuse(concat("calls ", printable(f.text), ", which is no function"));
}

// OrderedDict(), or, as Python 2 wrote it, OrderedDict([[key, value], …]).
Pickle::Ref Pickle::ordered_dict(const Value& arguments) {
    Value dict(Kind::dict);
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
    return add(Value(Kind::tensor, static_cast<int64_t>(tensors_.size() - 1)));
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
            return add(Value(Kind::storage, static_cast<int64_t>(known->second)));
    }
    storages_.push_back(out);
    return add(Value(Kind::storage, static_cast<int64_t>(storages_.size() - 1)));
}

}  // namespace purnet
