#include "core/optim/parameter_group.h"

#include <doctest/doctest.h>

#include "core/ops/binary.h"
#include "core/tape.h"
#include "tests/support/refused.h"

namespace purnet {

TEST_CASE("parameter group: values and gradients move into contiguous buffers and stay themselves") {
    ParameterStore store;
    Parameter &a = store.add("a", {3}), &b = store.add("b", {2, 9}), &c = store.add("c", {1});
    Parameter& statistic = store.add("s", {3}, FileLayout::as_is, true);
    std::vector<float> numbers(18);
    for (size_t i = 0; i < 18; ++i) numbers[i] = static_cast<float>(i + 1);
    a.value.copy_from(Tensor::from(numbers.data(), {3}));
    b.value.copy_from(Tensor::from(numbers.data(), {2, 9}));
    const ParameterGroup group({.name = "g"}, {&a, &b, &c});
    REQUIRE(group.size() == 16 + 32 + 16);
    const Tensor values = Tensor::zeros({group.size()}, DType::f32), gradients = Tensor::zeros({group.size()}, DType::f32);
    group.move_into(values, gradients);
    CHECK(a.value.to_floats() == std::vector<float>{1, 2, 3});
    CHECK(b.value.to_floats() == numbers);
    const std::vector<float> flat = values.to_floats();
    for (size_t i = 0; i < flat.size(); ++i) CHECK(flat[i] == (i < 3 ? numbers[i] : i >= 16 && i < 34 ? numbers[i - 16] : 0.0f));
    b.value.data<float>()[4] = 99;
    CHECK(values.to_floats()[20] == 99);

    // The tape still knows them, and writes their gradients into the buffer.
    std::fill_n(gradients.data<float>(), 64, 7.0f);
    group.clear_gradients();
    Tape tape;
    Tensor product;
    {
        Recording on(tape);
        product = ops::mul(a.value, a.value);
    }
    tape.backward(product);
    group.complete_gradients();
    CHECK(group.part(gradients, 0).to_floats() == std::vector<float>{2, 4, 6});
    CHECK(b.grad.to_floats() == std::vector<float>(18, 0.0f));
    CHECK(c.grad.to_floats() == std::vector<float>(1, 0.0f));

    REFUSED(ParameterGroup({.name = "g"}, {}), "parameter group g is empty");
    REFUSED(ParameterGroup({.name = "g"}, {&statistic}), "s is a running statistic");
}

}  // namespace purnet
