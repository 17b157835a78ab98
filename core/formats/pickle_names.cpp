#include "core/formats/pickle_names.h"

#include <algorithm>
#include <array>

namespace purnet {
namespace {

struct Known {
    std::string_view module, name;
    PickleRole role;
};

constexpr Known known_names[] = {
    {"collections", "OrderedDict", PickleRole::ordered_dict},
    {"collections", "defaultdict", PickleRole::default_dict},
    {"torch", "Size", PickleRole::size},
    {"torch._utils", "_rebuild_tensor", PickleRole::tensor},
    {"torch._utils", "_rebuild_tensor_v2", PickleRole::tensor},
    {"torch._utils", "_rebuild_tensor_v3", PickleRole::typed_tensor},
    {"torch._utils", "_rebuild_parameter", PickleRole::parameter},
    {"torch._utils", "_rebuild_parameter_with_state", PickleRole::parameter},
    {"torch._tensor", "_rebuild_from_type_v2", PickleRole::from_type},
    {"torch.storage", "UntypedStorage", PickleRole::untyped_storage},
    // What optimisers, schedules and option sets leave behind: never looked at.
    {"torch", "Tensor", PickleRole::other},
    {"torch.nn.parameter", "Parameter", PickleRole::other},
    {"torch", "device", PickleRole::other},
    {"collections", "Counter", PickleRole::other},
    {"argparse", "Namespace", PickleRole::other},
    {"_codecs", "encode", PickleRole::other},
    {"numpy", "dtype", PickleRole::other},
    {"numpy", "ndarray", PickleRole::other},
    {"numpy.core.multiarray", "scalar", PickleRole::other},
    {"numpy.core.multiarray", "_reconstruct", PickleRole::other},
    {"numpy._core.multiarray", "scalar", PickleRole::other},
    {"numpy._core.multiarray", "_reconstruct", PickleRole::other},
};

constexpr std::string_view builtin_types[] = {"bool", "bytearray", "complex", "dict",  "float", "frozenset", "int",
                                              "list", "object",    "set",     "slice", "str",   "tuple"};

constexpr std::pair<std::string_view, FileDType> storages[] = {{"DoubleStorage", FileDType::f64}, {"FloatStorage", FileDType::f32},
                                                               {"HalfStorage", FileDType::f16},   {"BFloat16Storage", FileDType::bf16},
                                                               {"LongStorage", FileDType::i64},   {"IntStorage", FileDType::i32},
                                                               {"ShortStorage", FileDType::i16},  {"CharStorage", FileDType::i8},
                                                               {"ByteStorage", FileDType::u8},    {"BoolStorage", FileDType::boolean}};

constexpr std::pair<std::string_view, FileDType> dtypes[] = {
    {"float64", FileDType::f64}, {"float32", FileDType::f32}, {"float16", FileDType::f16}, {"bfloat16", FileDType::bf16},
    {"int64", FileDType::i64},   {"int32", FileDType::i32},   {"int16", FileDType::i16},   {"int8", FileDType::i8},
    {"uint64", FileDType::u64},  {"uint32", FileDType::u32},  {"uint16", FileDType::u16},  {"uint8", FileDType::u8},
    {"bool", FileDType::boolean}};

}  // namespace

std::optional<PickleName> find_pickle_name(std::string_view module, std::string_view name) {
    for (const Known& known : known_names)
        if (known.module == module && known.name == name) return PickleName{known.role, FileDType::u8};
    if (module == "torch" || module == "torch.cuda") {
        for (const auto& [storage, type] : storages)
            if (storage == name) return PickleName{PickleRole::storage, type};
    }
    if (module == "torch") {
        for (const auto& [dtype, type] : dtypes)
            if (dtype == name) return PickleName{PickleRole::dtype, type};
    }
    if (module == "builtins" || module == "__builtin__") {
        if (std::find(std::begin(builtin_types), std::end(builtin_types), name) != std::end(builtin_types)) return PickleName{};
    }
    return std::nullopt;
}

FileDType storage_dtype(std::string_view name) {
    for (const auto& [storage, type] : storages)
        if (storage == name) return type;
    fail("the storage type ", name, " is not known");
}

}  // namespace purnet
