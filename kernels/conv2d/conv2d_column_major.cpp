#include "kernels/conv2d/conv2d_column_major.h"

namespace purnet::conv2d::implicit {

std::optional<ColumnMajor> column_major(const Problem& p, Pass pass, DType type) {
    if (p.kh != 1 || p.kw != 1 || p.stride != 1 || p.groups != 1 || p.pads != Pads{}) return std::nullopt;
    const int64_t pixels = p.n * p.h * p.w;
    switch (pass) {
        case Pass::forward:
            return ColumnMajor{
                {.m = p.o, .n = pixels, .k = p.c, .transpose_a = true, .lda = p.c, .ldb = p.c, .ldc = p.o, .in = type, .out = type},
                Operand::weight,
                Operand::x,
                Operand::y};
        case Pass::backward_data:
            return ColumnMajor{{.m = p.c, .n = pixels, .k = p.o, .lda = p.c, .ldb = p.o, .ldc = p.c, .in = type, .out = type},
                               Operand::weight,
                               Operand::y,
                               Operand::x};
        case Pass::backward_weights:
            return ColumnMajor{
                {.m = p.c, .n = p.o, .k = pixels, .transpose_b = true, .lda = p.c, .ldb = p.o, .ldc = p.c, .in = type, .out = DType::f32},
                Operand::x,
                Operand::y,
                Operand::weight};
    }
    return std::nullopt;
}

}  // namespace purnet::conv2d::implicit
