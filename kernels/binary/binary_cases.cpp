#include "kernels/binary/binary.h"
#include "kernels/record/operands.h"

namespace purnet::binary {
namespace {

using namespace record;

int64_t b_index(const Problem& p, int64_t n, int64_t r, int64_t c) {
    switch (p.broadcast) {
        case Broadcast::same: return (n * p.rows + r) * p.channels + c;
        case Broadcast::scalar: return 0;
        case Broadcast::channel: return c;
        case Broadcast::image_channel: return n * p.channels + c;
    }
    return 0;
}

template <class Body>
void each(const Problem& p, Body&& body) {
    for (int64_t n = 0; n < p.images; ++n)
        for (int64_t r = 0; r < p.rows; ++r)
            for (int64_t c = 0; c < p.channels; ++c) body((n * p.rows + r) * p.channels + c, b_index(p, n, r, c));
}

void reference_forward(const Problem& p, const double* a, const double* b, double* y, const Context&) {
    each(p, [&](int64_t i, int64_t j) {
        y[i] = p.operation == Operation::add ? a[i] + b[j] : p.operation == Operation::sub ? a[i] - b[j] : a[i] * b[j];
    });
}

void reference_backward(const Problem& p, const double* a, const double* b, const double* dy, double* da, double* db, void*,
                        const Context&) {
    for (int64_t j = 0; db && j < p.b_count(); ++j) db[j] = 0;
    each(p, [&](int64_t i, int64_t j) {
        if (db) db[j] += p.operation == Operation::mul ? dy[i] * a[i] : p.operation == Operation::sub ? -dy[i] : dy[i];
        if (da) da[i] = p.operation == Operation::mul ? dy[i] * b[j] : dy[i];
    });
}

Case make_case(Operation operation, Broadcast broadcast, int64_t images, int64_t rows, int64_t channels, bool real_layer = false) {
    const Problem p{operation, broadcast, images, rows, channels};
    const std::vector<int64_t> a{images, rows, channels};
    const std::vector<int64_t> b = broadcast == Broadcast::same      ? a
                                   : broadcast == Broadcast::scalar  ? std::vector<int64_t>{1}
                                   : broadcast == Broadcast::channel ? std::vector<int64_t>{channels}
                                                                     : std::vector<int64_t>{images, channels};
    const char* how[] = {"same", "scalar", "channel", "image_channel"};
    const double count = static_cast<double>(p.count());
    Case c{.label = concat(name_of(operation), " ", how[static_cast<int>(broadcast)], " n", images, " r", rows, " c", channels),
           .real_layer = real_layer};
    c.directions.push_back(
        {.name = "forward",
         .operands = {input("a", a), input("b", b), output("y", a)},
         .run = [p](Key key, const Pointers& at,
                    const Context& context) { table().get(&Kernels::forward, "forward", key)(p, at[0], at[1], at[2], context); },
         .available = [](Key key) { return table().has(&Kernels::forward, key); },
         .flops = count,
         .multilinear = operation != Operation::sub,  // |a| - |b| would be no bound
         .reduction = 2});
    c.directions.push_back(
        {.name = "backward",
         .operands = {input("a", a), input("b", b), input("dy", a), output("da", a), output("db", b), workspace(workspace_bytes(p))},
         .run =
             [p](Key key, const Pointers& at, const Context& context) {
                 table().get(&Kernels::backward, "backward", key)(p, at[0], at[1], at[2], at[3], at[4], at[5], context);
             },
         .available = [](Key key) { return table().has(&Kernels::backward, key); },
         .flops = 2 * count,
         .multilinear = operation != Operation::sub,  // |a| - |b| would be no bound
         .reduction = p.count() / p.b_count()});
    return c;
}

std::vector<Case> cases() {
    std::vector<Case> list;
    for (Operation op : {Operation::add, Operation::sub, Operation::mul})
        for (Broadcast b : {Broadcast::same, Broadcast::scalar, Broadcast::channel, Broadcast::image_channel}) {
            list.push_back(make_case(op, b, 1, 1, 1));
            list.push_back(make_case(op, b, 3, 7, 5));
            list.push_back(make_case(op, b, 2, 13, 33));
            list.push_back(make_case(op, b, 5, 431, 17));
            list.push_back(make_case(op, b, 4, 80 * 80, 128, true));
        }
    return list;
}

const bool registered = [] {
    table().add({DeviceType::reference, DType::f64}, {.forward = erase<reference_forward>, .backward = erase<reference_backward>});
    return record::add({.name = "binary", .formula = "y = a + b, a - b, a b; b whole, {1}, {C} or {N,C}", .cases = cases});
}();

}  // namespace
}  // namespace purnet::binary
