#include "core/ops/binary.h"

#include "core/op.h"
#include "kernels/binary/binary.h"

namespace purnet::ops {
namespace {

using binary::Broadcast;
using binary::Operation;

// Every axis but the last (and, where `images`, the first) is 1.
bool is_vector(const Shape& b, bool images) {
    for (int i = images ? 1 : 0; i < b.rank() - 1; ++i)
        if (b[i] != 1) return false;
    return b.rank() >= (images ? 2 : 1);
}

Tensor operate(Operation operation, const Tensor& a, const Tensor& b) {
    const char* name = binary::name_of(operation);
    require(a && b, name, ": an operand is undefined");
    require(a.dtype() == b.dtype(), name, ": operands are ", name_of(a.dtype()), " and ", name_of(b.dtype()));
    const Shape &sa = a.shape(), &sb = b.shape();
    binary::Problem p{.operation = operation};
    p.channels = sa.rank() ? sa[-1] : 1;
    p.images = sa.rank() > 1 ? sa[0] : 1;
    p.rows = a.count() > 0 ? a.count() / (p.images * p.channels) : 0;
    if (sa == sb)
        p.broadcast = Broadcast::same;
    else if (b.count() == 1)
        p.broadcast = Broadcast::scalar;
    else if (sb.rank() <= sa.rank() && is_vector(sb, false) && sb[-1] == p.channels)
        p.broadcast = Broadcast::channel;
    else if (sa.rank() > 1 && sb.rank() <= sa.rank() && is_vector(sb, true) && sb[0] == p.images && sb[-1] == p.channels)
        p.broadcast = Broadcast::image_channel;
    else
        fail(name, ": ", sb, " can't be broadcast over ", sa, "; it must have that shape or be 1, C or NxC");
    const Key key = a.key();
    OpCall call{.name = name,
                .inputs = {a, b},
                .outputs = {{sa, a.dtype()}},
                .forward =
                    [p, key](const Arguments& arg, const Context& c) {
                        binary::table().get(&binary::Kernels::forward, "forward", key)(p, arg.in(0), arg.in(1), arg.out(), c);
                    },
                .backward =
                    [p, key](Gradients& g) {
                        const Tensor dy = g.grad();
                        const bool product = p.operation == Operation::mul;
                        if (!product) g.give(0, dy);
                        const bool given = p.operation == Operation::add && p.broadcast == Broadcast::same;
                        if (given) g.give(1, dy);
                        void* da = product ? g.destination(0) : nullptr;
                        void* db = given ? nullptr : g.destination(1);
                        if (!da && !db) return;
                        const Block workspace(dy.device(), binary::workspace_bytes(p));
                        binary::table().get(&binary::Kernels::backward, "backward", key)(p, product ? g.input(0).raw() : nullptr,
                                                                                         product ? g.input(1).raw() : nullptr, dy.raw(), da,
                                                                                         db, workspace.data(), g.context());
                    },
                .rebuild_inputs = {0, 1},
                .problem = p};
    if (operation == Operation::mul) call.saved_inputs = {0, 1};
    return apply_one(std::move(call));
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return operate(Operation::add, a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return operate(Operation::sub, a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return operate(Operation::mul, a, b); }

}  // namespace purnet::ops
