// Shared memory of a block. Two macros, because `extern __shared__` has no meaning for a host compiler, which also
// compiles kernels (to run them on the CPU in tests).
//
//     SHARED(float, partial, 32);            float (&partial)[32]
//     SHARED(float[33], tile, 32);           float (&tile)[32][33]
//     SHARED_DYNAMIC(bf16, stages);          bf16* stages: the bytes given to launch(), 1024-byte aligned
//
// Contents are undefined at first. A type that contains a comma needs an alias.
#pragma once

#include <type_traits>

#define SHARED(T, name, N)                                                                       \
    __shared__ __align__(128) unsigned char name##_bytes[sizeof(std::type_identity_t<T>) * (N)]; \
    std::type_identity_t<T>(&name)[N] = *reinterpret_cast<std::type_identity_t<T>(*)[N]>(name##_bytes)

#define SHARED_DYNAMIC(T, name)                                            \
    extern __shared__ __align__(1024) unsigned char purnet_shared_bytes[]; \
    T* name = reinterpret_cast<T*>(purnet_shared_bytes)
