#include "core/optim/optimiser.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "core/checkpoint.h"
#include "core/optim/ema.h"
#include "tests/support/refused.h"

namespace purnet {
namespace {

// Two groups, a kernel among them, with gradients that depend on the step.
struct Model {
    ParameterStore store;
    Parameter& kernel = store.add("k.weight", {2, 1, 3, 4}, FileLayout::channels_second);
    Parameter& bias = store.add("k.bias", {5});
    Parameter& statistic = store.add("s.running_mean", {2}, FileLayout::as_is, true);

    Model() {
        std::vector<float> v(24);
        for (size_t i = 0; i < v.size(); ++i) v[i] = static_cast<float>(i) / 8 - 1;
        kernel.value.copy_from(Tensor::from(v.data(), kernel.value.shape()));
        bias.value.copy_from(Tensor::from(v.data(), {5}));
    }
    std::vector<ParameterGroup> groups() {
        std::vector<ParameterGroup> list;
        list.emplace_back(GroupForm{.name = "kernels", .rate = 0.1, .weight_decay = 0.01}, std::vector<Parameter*>{&kernel});
        list.emplace_back(GroupForm{.name = "biases", .rate = 0.2}, std::vector<Parameter*>{&bias});
        return list;
    }
    void gradients(Optimiser& optimiser, int step, float scale = 1) {
        optimiser.clear_gradients();
        for (Parameter* p : {&kernel, &bias}) {
            for (int64_t i = 0; i < p->value.count(); ++i)
                p->grad.data<float>()[i] = scale * std::sin(static_cast<float>(i + 7 * step + 1));
            p->has_grad = true;
        }
        optimiser.complete_gradients();
    }
};

template <class Make>
void check_resume(Make&& make) {
    Model straight, stopped, resumed;
    const auto a = make(straight), b = make(stopped);
    for (int step = 0; step < 5; ++step) straight.gradients(*a, step), a->step(step);
    for (int step = 0; step < 2; ++step) stopped.gradients(*b, step), b->step(step);
    const NamedArrays state = b->state();
    load_state_exactly(resumed.store, state_of(stopped.store, 2), "checkpoint");
    const auto c = make(resumed);
    c->load_state(state);
    for (int step = 2; step < 5; ++step) resumed.gradients(*c, step), c->step(step);
    CHECK(resumed.kernel.value.to_floats() == straight.kernel.value.to_floats());
    CHECK(resumed.bias.value.to_floats() == straight.bias.value.to_floats());
    NamedArrays other;
    REFUSED(c->load_state(other), "is missing: the checkpoint is not of this stage");
    NamedArrays more = state;
    more.add("optimiser.extra.k.bias", Array(FileDType::f32, {5}));
    REFUSED(c->load_state(more), "buffers of an optimiser");
}

}  // namespace

TEST_CASE("optimiser: a run resumed from its state is the unbroken run, bit for bit") {
    check_resume([](Model& m) { return std::make_unique<Sgd>(m.groups()); });
    check_resume([](Model& m) { return std::make_unique<AdamW>(m.groups(), AdamW::Form{}); });
}

TEST_CASE("optimiser: AdamW's first step moves by rate (sign of the gradient + decay)") {
    Model m;
    const std::vector<float> before = m.kernel.value.to_floats();
    AdamW optimiser(m.groups(), {});
    m.gradients(optimiser, 0);
    optimiser.step(0);
    const std::vector<float> after = m.kernel.value.to_floats();
    for (size_t i = 0; i < after.size(); ++i) {
        const float sign = std::sin(static_cast<float>(i + 1)) > 0 ? 1.0f : -1.0f;
        CHECK(after[i] == doctest::Approx(before[i] - 0.1f * (sign + 0.01f * before[i])).epsilon(1e-5));
    }
}

TEST_CASE("optimiser: a gradient that is not finite changes nothing, in any group") {
    Model m;
    Sgd optimiser(m.groups());
    m.gradients(optimiser, 0);
    optimiser.step(0);
    CHECK(optimiser.proceeded());
    const std::vector<float> kernel = m.kernel.value.to_floats(), bias = m.bias.value.to_floats();
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
        m.gradients(optimiser, 1);
        m.bias.grad.data<float>()[4] = bad;
        optimiser.step(1);
        CHECK_FALSE(optimiser.proceeded());
        CHECK(m.kernel.value.to_floats() == kernel);
        CHECK(m.bias.value.to_floats() == bias);
    }
    m.gradients(optimiser, 1);
    optimiser.step(1);
    CHECK(optimiser.proceeded());
    CHECK(m.kernel.value.to_floats() != kernel);
}

TEST_CASE("optimiser: gradient norm over all groups, and clipping to it") {
    Model m;
    Sgd optimiser(m.groups());
    m.gradients(optimiser, 3, 10);
    double square = 0;
    for (const Parameter* p : {&m.kernel, &m.bias})
        for (const double g : p->grad.to_doubles()) square += g * g;
    CHECK(optimiser.gradient_norm() == doctest::Approx(std::sqrt(square)).epsilon(1e-6));
    const std::vector<float> before = m.bias.grad.to_floats();
    optimiser.clip_gradients(1e6, optimiser.squared_gradient_norm());
    CHECK(m.bias.grad.to_floats() == before);
    optimiser.clip_gradients(2, optimiser.squared_gradient_norm());
    CHECK(optimiser.gradient_norm() == doctest::Approx(2).epsilon(1e-6));
    for (size_t i = 0; i < before.size(); ++i)
        CHECK(m.bias.grad.to_floats()[i] == doctest::Approx(before[i] * 2 / std::sqrt(square)).epsilon(1e-5));
    REFUSED(optimiser.clip_gradients(0, optimiser.squared_gradient_norm()), "clipped to a norm of 0");
}

TEST_CASE("ema: the average follows its rule, changes places with the weights, and resumes") {
    Model m;
    Sgd optimiser(m.groups());
    REFUSED(Ema(optimiser, m.store, 0.5, {}), "s.running_mean: lies outside of the statistics that are averaged");
    REFUSED(Ema(optimiser, m.store, 0.5, Tensor::zeros({8}, DType::f32)), "s.running_mean: lies outside");
    const Tensor stretch = Tensor::zeros({9}, DType::f32);  // begins and ends with what is nobody's
    m.statistic.value = stretch.part(6, {2});
    Ema average(optimiser, m.store, 0.5, stretch);
    std::vector<double> expected = m.bias.value.to_doubles();
    std::vector<double> mean(2, 0.0);
    for (int step = 0; step < 12; ++step) {
        m.gradients(optimiser, step);
        optimiser.step(step);
        m.statistic.value.data<float>()[1] = static_cast<float>(step);
        average.update();
        const double keep = std::min(0.5, (1.0 + step) / (10.0 + step));
        const std::vector<double> now = m.bias.value.to_doubles();
        for (size_t i = 0; i < expected.size(); ++i) expected[i] = keep * expected[i] + (1 - keep) * now[i];
        mean[1] = keep * mean[1] + (1 - keep) * step;
    }
    const std::vector<float> weights = m.bias.value.to_floats();
    const NamedArrays state = average.state();
    CHECK(state.size() == 3);
    average.swap();
    for (size_t i = 0; i < expected.size(); ++i) CHECK(m.bias.value.to_doubles()[i] == doctest::Approx(expected[i]).epsilon(1e-5));
    CHECK(m.statistic.value.to_doubles()[1] == doctest::Approx(mean[1]).epsilon(1e-5));
    CHECK(state.at("average.s.running_mean").shape == std::vector<int64_t>{2});
    const std::vector<float> averaged = m.bias.value.to_floats();
    average.swap();
    CHECK(m.bias.value.to_floats() == weights);
    Ema resumed(optimiser, m.store, 0.5, stretch);
    resumed.load_state(state, 12);
    resumed.swap();
    CHECK(m.statistic.value.to_doubles()[1] == doctest::Approx(mean[1]).epsilon(1e-5));
    CHECK(m.bias.value.to_floats() == averaged);
    CHECK(resumed.updates() == 12);
}

}  // namespace purnet
