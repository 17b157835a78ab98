// What a numbered comparison of a kernel becomes (scripts/number_comparisons.awk): the comparison itself, or what the mutant of this run
// makes of it. Included before everything else in the rewritten kernels.
#pragma once

#include <type_traits>

namespace purnet::emulator::mutants {

enum class Relation { less, less_equal, greater, greater_equal, equal, not_equal };
enum class Change : unsigned char { none, always, never, edge };  // edge: < for <=, and so on

// Notes that a thread of a kernel compares here. `ordered`: integers, for which < and <= differ by one element.
Change compared(int number, bool ordered);

template <Relation R>
struct Compared {
    int number;
};
template <Relation R, class A>
struct LeftSide {
    A a;
    int number;
};

template <Relation R, class A, class B>
__attribute__((always_inline)) inline bool holds(const A& a, const B& b) {
    if constexpr (R == Relation::less) return a < b;
    if constexpr (R == Relation::less_equal) return a <= b;
    if constexpr (R == Relation::greater) return a > b;
    if constexpr (R == Relation::greater_equal) return a >= b;
    if constexpr (R == Relation::equal) return a == b;
    if constexpr (R == Relation::not_equal) return a != b;
}

template <Relation R>
inline constexpr Relation edge_of = R == Relation::less         ? Relation::less_equal
                                    : R == Relation::less_equal ? Relation::less
                                    : R == Relation::greater    ? Relation::greater_equal
                                                                : Relation::greater;

template <Relation R, class A, class B>
__attribute__((always_inline)) inline bool decide(const LeftSide<R, A>& left, const B& b) {
    constexpr bool ordered = R != Relation::equal && R != Relation::not_equal && std::is_integral_v<A> && std::is_integral_v<B>;
    switch (compared(left.number, ordered)) {
        case Change::always: return true;
        case Change::never: return false;
        case Change::edge:
            if constexpr (ordered) return holds<edge_of<R>>(left.a, b);
            [[fallthrough]];
        case Change::none: break;
    }
    return holds<R>(left.a, b);
}

template <class A, Relation R>
__attribute__((always_inline)) inline LeftSide<R, A> operator<(A a, Compared<R> c) {
    return {a, c.number};
}
template <class A, Relation R>
__attribute__((always_inline)) inline LeftSide<R, A> operator==(A a, Compared<R> c) {
    return {a, c.number};
}
template <Relation R, class A, class B>
__attribute__((always_inline)) inline bool operator>(LeftSide<R, A> left, B b) {
    return decide(left, b);
}
template <Relation R, class A, class B>
__attribute__((always_inline)) inline bool operator==(LeftSide<R, A> left, B b) {
    return decide(left, b);
}

}  // namespace purnet::emulator::mutants

#define PURNET_COMPARED(relation, number) \
    ::purnet::emulator::mutants::Compared<::purnet::emulator::mutants::Relation::relation> { number }
