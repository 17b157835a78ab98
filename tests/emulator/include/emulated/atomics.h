// Atomic read-modify-write functions. All blocks of a launch run on one operating-system thread, which makes each atomic.
#pragma once

#include <type_traits>

#include "tests/emulator/engine/engine.h"
#include "tests/emulator/engine/order.h"

namespace purnet::emulator {

template <class T, class F>
T atomic_update(T* address, F&& change, Site site) {
    T old;
    atomic_load(address, &old, sizeof(T), site);
    const T fresh = change(old);
    atomic_store(address, &fresh, sizeof(T), site);
    return old;
}

}  // namespace purnet::emulator

#define PURNET_ATOMIC(name, T, expression)                                 \
    inline T name(T* address, T value, purnet::emulator::Site site = {}) { \
        return purnet::emulator::atomic_update(                            \
            address, [&](T old) -> T { return expression; }, site);        \
    }
#define PURNET_ATOMIC_INTEGERS(name, expression)  \
    PURNET_ATOMIC(name, int, expression)          \
    PURNET_ATOMIC(name, unsigned int, expression) \
    PURNET_ATOMIC(name, unsigned long long, expression)

PURNET_ATOMIC(atomicAdd, int, static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(value)))
PURNET_ATOMIC(atomicAdd, unsigned int, old + value)
PURNET_ATOMIC(atomicAdd, unsigned long long, old + value)
PURNET_ATOMIC(atomicAdd, float, old + value)
PURNET_ATOMIC(atomicAdd, double, old + value)
PURNET_ATOMIC(atomicSub, int, static_cast<int>(static_cast<unsigned>(old) - static_cast<unsigned>(value)))
PURNET_ATOMIC(atomicSub, unsigned int, old - value)
PURNET_ATOMIC_INTEGERS(atomicMin, (value < old ? value : old))
PURNET_ATOMIC_INTEGERS(atomicMax, (old < value ? value : old))
PURNET_ATOMIC_INTEGERS(atomicAnd, (old & value))
PURNET_ATOMIC_INTEGERS(atomicOr, (old | value))
PURNET_ATOMIC_INTEGERS(atomicXor, (old ^ value))
PURNET_ATOMIC_INTEGERS(atomicExch, (static_cast<void>(old), value))
PURNET_ATOMIC(atomicExch, float, (static_cast<void>(old), value))
PURNET_ATOMIC(atomicInc, unsigned int, (old >= value ? 0u : old + 1u))
PURNET_ATOMIC(atomicDec, unsigned int, (old == 0u || old > value ? value : old - 1u))

#undef PURNET_ATOMIC
#undef PURNET_ATOMIC_INTEGERS

template <class T>
requires(std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8 || sizeof(T) == 2)) T
    atomicCAS(T* address, T compare, T value, purnet::emulator::Site site = {}) {
    return purnet::emulator::atomic_update(
        address, [&](T old) { return old == compare ? value : old; }, site);
}
