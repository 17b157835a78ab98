// The CUDA vector types with their real sizes and alignments.
#pragma once

#define PURNET_VECTOR_1(T, name) \
    struct name##1 {             \
        T x;                     \
    };                           \
    inline name##1 make_##name##1(T x) { return {x}; }
#define PURNET_VECTOR_2(T, name, align) \
    struct alignas(align) name##2 {     \
        T x, y;                         \
    };                                  \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }
#define PURNET_VECTOR_3(T, name) \
    struct name##3 {             \
        T x, y, z;               \
    };                           \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }
#define PURNET_VECTOR_4(T, name, align) \
    struct alignas(align) name##4 {     \
        T x, y, z, w;                   \
    };                                  \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
#define PURNET_VECTOR(T, name, align2, align4) \
    PURNET_VECTOR_1(T, name) PURNET_VECTOR_2(T, name, align2) PURNET_VECTOR_3(T, name) PURNET_VECTOR_4(T, name, align4)

PURNET_VECTOR(signed char, char, 2, 4)
PURNET_VECTOR(unsigned char, uchar, 2, 4)
PURNET_VECTOR(short, short, 4, 8)
PURNET_VECTOR(unsigned short, ushort, 4, 8)
PURNET_VECTOR(int, int, 8, 16)
PURNET_VECTOR(unsigned int, uint, 8, 16)
PURNET_VECTOR(float, float, 8, 16)
PURNET_VECTOR_1(long long, longlong)
PURNET_VECTOR_2(long long, longlong, 16)
PURNET_VECTOR_1(unsigned long long, ulonglong)
PURNET_VECTOR_2(unsigned long long, ulonglong, 16)
PURNET_VECTOR_1(double, double)
PURNET_VECTOR_2(double, double, 16)

#undef PURNET_VECTOR
#undef PURNET_VECTOR_1
#undef PURNET_VECTOR_2
#undef PURNET_VECTOR_3
#undef PURNET_VECTOR_4

struct dim3 {
    unsigned int x = 1, y = 1, z = 1;
    constexpr dim3(unsigned int a = 1, unsigned int b = 1, unsigned int c = 1) : x(a), y(b), z(c) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};
