// Addresses of the implicit products against the formulas of the contract, without running a kernel.
#include <doctest/doctest.h>

#include "tests/emulator/kernels/operands.h"

namespace purnet::test {

TEST_CASE("operands: every address of the implicit products is the formula's") {
    using conv2d::Pass;
    const conv2d::Problem problems[] = {
        {},
        {.n = 2, .h = 5, .w = 7, .c = 6, .o = 5, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}},
        {.n = 2, .h = 9, .w = 8, .c = 8, .o = 12, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2},
        {.n = 1, .h = 11, .w = 10, .c = 4, .o = 8, .kh = 3, .kw = 3, .stride = 2, .pads = {4, 4, 4, 4}, .dilation = 4},
        {.n = 1, .h = 8, .w = 9, .c = 5, .o = 6, .kh = 5, .kw = 3, .stride = 2, .pads = {1, 0, 2, 3}},
        {.n = 2, .h = 7, .w = 7, .c = 4, .o = 4, .stride = 2},
        {.n = 1, .h = 10, .w = 11, .c = 3, .o = 4, .kh = 3, .kw = 4, .stride = 3, .pads = {2, 2, 2, 2}, .dilation = 2},
        {.n = 1, .h = 6, .w = 7, .c = 12, .o = 24, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 1, 1, 1}, .groups = 3},
        {.n = 2, .h = 17, .w = 13, .c = 1, .o = 1, .kh = 8, .kw = 8, .stride = 4, .pads = {2, 2, 2, 2}},
    };
    for (const conv2d::Problem& p : problems)
        for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_weights})
            for (const bool vectors : {false, true}) {
                if (vectors && (p.c / p.groups % 4 || p.o / p.groups % 4)) continue;
                CAPTURE(p.c);
                CAPTURE(p.stride);
                CAPTURE(static_cast<int>(pass));
                const std::string difference = compare_operands(p, pass, vectors);
                CHECK_MESSAGE(difference.empty(), difference);
            }
}

TEST_CASE("operands: every address of the products by runs is the formula's") {
    using conv2d::Pass;
    const conv2d::Problem problems[] = {
        {.n = 2, .h = 13, .w = 14, .c = 3, .o = 72, .kh = 7, .kw = 7, .stride = 2, .pads = {3, 3, 3, 3}},
        {.n = 1, .h = 6, .w = 5, .c = 6, .o = 8, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}},
        {.n = 2, .h = 9, .w = 6, .c = 5, .o = 8, .kh = 3, .kw = 4, .stride = 2, .pads = {0, 1, 1, 3}},
        {.n = 1, .h = 9, .w = 7, .c = 2, .o = 16, .kh = 3, .kw = 1, .pads = {2, 0, 2, 0}, .dilation = 2},
        {.n = 3, .h = 4, .w = 3, .c = 12, .o = 8},
        {.n = 1, .h = 8, .w = 40, .c = 1, .o = 8, .kh = 2, .kw = 70, .stride = 2, .pads = {0, 33, 0, 33}},
    };
    for (const conv2d::Problem& p : problems)
        for (const Pass pass : {Pass::forward, Pass::backward_weights}) {
            CAPTURE(p.c);
            CAPTURE(static_cast<int>(pass));
            const std::string difference = compare_run_operands(p, pass);
            CHECK_MESSAGE(difference.empty(), difference);
        }
}

}  // namespace purnet::test
