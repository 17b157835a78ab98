// The one small table an op has: which functions serve it on which device and for which activation type.
//
//     struct Kernels {                       // in kernels/relu/relu.h; pointers to elements are void*
//         void (*forward)(const Problem&, const void* x, void* y, const Context&) = nullptr;
//     };
//     Table<Kernels>& table();               // defined in relu.cpp with the CPU entries
//
//     {{DeviceType::cpu, DType::f32}, {.forward = erase<forward_f32>}}      // erase: a typed function as an entry
//     table().get(&Kernels::forward, "forward", key)(problem, x, y, context);
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/runtime/device.h"
#include "kernels/runtime/dtype.h"
#include "kernels/runtime/error.h"

namespace purnet {

struct Key {
    DeviceType device = DeviceType::cpu;
    DType dtype = DType::f32;

    bool operator==(const Key&) const = default;
};

namespace detail {

template <class T>
inline constexpr bool is_element = std::is_arithmetic_v<T> || std::is_same_v<T, bf16>;

template <class A>
struct EraseArgument {
    using type = A;
};
template <class T>
requires is_element<std::remove_const_t<T>>
struct EraseArgument<T*> {
    using type = std::conditional_t<std::is_const_v<T>, const void*, void*>;
};

template <auto F, class Signature = decltype(F)>
struct Erase;
template <auto F, class... A>
struct Erase<F, void (*)(A...)> {
    static void call(typename EraseArgument<A>::type... arguments) { F(static_cast<A>(arguments)...); }
};

}  // namespace detail

// A function of typed element pointers as one of void pointers.
template <auto F>
inline constexpr auto erase = &detail::Erase<F>::call;

template <class Kernels>
class Table {
public:
    struct Entry {
        Key key;
        Kernels kernels;
    };

    Table(std::string_view op, std::vector<Entry> entries) : op_(op), entries_(std::move(entries)) {}

    void add(Key key, Kernels kernels) { entries_.push_back({key, kernels}); }

    const Kernels* find(Key key) const {
        for (const Entry& entry : entries_)
            if (entry.key == key) return &entry.kernels;
        return nullptr;
    }

    // The function of one direction, or an error that names the missing twin.
    template <class Function>
    Function get(Function Kernels::*direction, std::string_view direction_name, Key key) const {
        const Kernels* kernels = find(key);
        if (!kernels || !(kernels->*direction))
            fail(op_, " ", direction_name, " has no ", name_of(Device{key.device, 0}), " twin for ", name_of(key.dtype));
        return kernels->*direction;
    }

    bool has(auto Kernels::*direction, Key key) const {
        const Kernels* kernels = find(key);
        return kernels && kernels->*direction;
    }

private:
    std::string_view op_;
    std::vector<Entry> entries_;
};

}  // namespace purnet
