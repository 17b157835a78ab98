// The names that a pickle of weights may ask for, and what each stands for. Everything else is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/formats/array.h"

namespace purnet {

enum class PickleRole : uint8_t {
    ordered_dict,
    default_dict,
    size,             // torch.Size
    tensor,           // torch._utils._rebuild_tensor, _rebuild_tensor_v2
    typed_tensor,     // torch._utils._rebuild_tensor_v3
    parameter,        // torch._utils._rebuild_parameter, _rebuild_parameter_with_state
    from_type,        // torch._tensor._rebuild_from_type_v2: a tensor with attributes
    storage,          // torch.FloatStorage, …
    untyped_storage,  // torch.storage.UntypedStorage
    dtype,            // torch.float32, …
    other,            // accepted, content not looked at
};

struct PickleName {
    PickleRole role = PickleRole::other;
    FileDType dtype = FileDType::u8;  // role dtype
};

std::optional<PickleName> find_pickle_name(std::string_view module, std::string_view name);

// Element type of a storage by its class name: "FloatStorage" is float32.
FileDType storage_dtype(std::string_view name);

}  // namespace purnet
