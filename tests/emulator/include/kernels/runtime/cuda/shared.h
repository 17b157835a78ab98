// The emulator's SHARED and SHARED_DYNAMIC: each array is a heap block of exactly its size, found by the declaration.
#pragma once

#include <type_traits>

#include "tests/emulator/engine/engine.h"

#define SHARED(T, name, N)                                                           \
    static const char name##_declaration = 0;                                        \
    std::type_identity_t<T>(&name)[N] = *static_cast<std::type_identity_t<T>(*)[N]>( \
        ::purnet::emulator::shared_array(&name##_declaration, sizeof(std::type_identity_t<T>) * (N), alignof(std::type_identity_t<T>)))

#define SHARED_DYNAMIC(T, name) T* name = static_cast<T*>(::purnet::emulator::dynamic_shared())
