// Single losses with their gradients against float64 goldens: soft masks, labels with gaps, unequal counts in a batch, confident maps.
// Made by PyTorch in float64 from the formulas of the paper (tests/goldens/losses: z, ze, zo logits, g the mask, labels).
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "core/formats/npy.h"
#include "core/ops/losses.h"
#include "core/tape.h"
#include "tests/support/goldens.h"

namespace purnet::test {
namespace {

template <class T = double>
std::vector<T> golden(const std::string& name) {
    const Array array = read_npy(golden_path("losses/" + name + ".npy"));
    const std::span<const T> values = array.as<T>();
    return {values.begin(), values.end()};
}

double value_of(const std::string& name) {
    std::ifstream file(golden_path("losses/values.json"));
    return nlohmann::json::parse(file).at(name).get<double>();
}

// Maps as parameters, so that the tape gives their gradients.
struct Maps {
    ParameterStore store;
    Tape tape;

    explicit Maps(Device device, DType dtype) : store(device, dtype) {}

    Tensor map(const std::string& file) {
        if (const Parameter* known = store.find(file)) return known->value;
        const std::vector<double> values = golden(file);
        Parameter& p = store.add(file, {2, 13, 18, 1});
        p.value.copy_from(Tensor::from(values.data(), p.value.shape(), store.dtype(), store.device()));
        return p.value;
    }
    Tensor labels() {
        const std::vector<int32_t> values = golden<int32_t>("labels");
        return Tensor::from(values.data(), {2, 13, 18}, store.device());
    }
    std::vector<double> gradient(const std::string& file) {
        Parameter* p = store.find(file);
        return p->has_grad ? p->grad.to_doubles() : std::vector<double>(static_cast<size_t>(p->value.count()), 0);
    }
};

struct Wanted {
    std::string name;                              // of the value
    std::map<std::string, std::string> gradients;  // parameter -> golden file
    std::function<Tensor(Maps&)> loss;
    bool each = false;  // the tolerance is of each value, not of the largest
};

std::vector<Wanted> wanted() {
    using ops::ErrorLoss, ops::Weight, ops::structural_kl, ops::weighted_bce;
    const auto error = [](ErrorLoss form) {
        return [form](Maps& m) { return ops::error_loss(m.map("ze"), m.map("zo"), m.map("g"), form); };
    };
    return {
        {"bce", {{"z", "bce_grad_z"}}, [](Maps& m) { return ops::bce_loss(m.map("z"), m.map("g")); }},
        {"ibce_paper",
         {{"z", "ibce_paper_grad_z"}, {"ze", "ibce_paper_grad_ze"}},
         [](Maps& m) { return weighted_bce(m.map("z"), m.map("g"), m.map("ze"), Weight::fixed, false); }},
        {"ibce_code",
         {{"z", "ibce_code_grad_z"}, {"ze", "ibce_code_grad_ze"}},
         [](Maps& m) { return weighted_bce(m.map("z"), m.map("g"), m.map("ze"), Weight::flowing, true); }},
        {"error_bce", {{"ze", "error_bce_grad_ze"}, {"zo", "error_bce_grad_zo"}}, error(ErrorLoss::bce)},
        {"error_kl", {{"ze", "error_kl_grad_ze"}, {"zo", "error_kl_grad_zo"}}, error(ErrorLoss::kl)},
        {"structural_paper",
         {{"z", "structural_paper_grad_z"}},
         [](Maps& m) { return structural_kl(m.map("z"), m.map("g"), m.labels(), false); }},
        {"structural_code",
         {{"z", "structural_code_grad_z"}},
         [](Maps& m) { return structural_kl(m.map("z"), m.map("g"), m.labels(), true); }},
        {"structural_confident",
         {{"confident_z", "structural_confident_grad_z"}},
         [](Maps& m) { return structural_kl(m.map("confident_z"), m.map("confident_g"), m.labels(), false); },
         true},
    };
}

// Errors of value and gradients, relative to each value or to the largest.
void check(Key key, double tolerance) {
    for (const Wanted& w : wanted()) {
        CAPTURE(w.name);
        Maps maps({key.device, 0}, key.dtype);
        Tensor loss;
        {
            Recording on(maps.tape);
            loss = w.loss(maps);
        }
        maps.tape.backward(loss);
        const double value = value_of(w.name);
        CHECK(std::fabs(loss.item() - value) <= tolerance * std::fabs(value));
        double worst = std::fabs(loss.item() - value) / std::fabs(value);
        for (const auto& gradient : w.gradients) {
            const std::vector<double> got = maps.gradient(gradient.first), want = golden(gradient.second);
            REQUIRE(got.size() == want.size());
            double largest = 0;
            for (double v : want) largest = std::max(largest, std::fabs(v));
            int wrong = 0;
            for (size_t i = 0; i < got.size(); ++i) {
                // Below the smallest normal float32 there is nothing to compare.
                const double scale = w.each ? std::max(std::fabs(want[i]), 1e-37) : largest;
                wrong += !(std::fabs(got[i] - want[i]) <= tolerance * scale);
                if (scale > 0) worst = std::max(worst, std::fabs(got[i] - want[i]) / scale);
            }
            CHECK_MESSAGE(wrong == 0, gradient.first);
        }
        MESSAGE(w.name, ": largest relative error ", worst);
    }
}

}  // namespace

TEST_CASE("losses: single losses equal float64 goldens on the reference device") { check({DeviceType::reference, DType::f64}, 1e-10); }

// About ten roundings of the largest value; of each value where confident maps are compared.
TEST_CASE("losses: single losses in float32") { check({DeviceType::cpu, DType::f32}, 1e-6); }

TEST_CASE("losses: labels outside the range are refused with the image and the label") {
    Maps maps({}, DType::f32);
    for (int32_t bad : {-1, 4096}) {
        std::vector<int32_t> labels(2 * 13 * 18, 0);
        labels[300] = bad;
        const Tensor map = Tensor::from(labels.data(), {2, 13, 18});
        std::string message;
        try {
            ops::structural_kl(maps.map("z"), maps.map("g"), map, false);
        } catch (const Error& error) {
            message = error.what();
        }
        CHECK(message.find("image 1") != std::string::npos);
        CHECK(message.find(std::to_string(bad)) != std::string::npos);
    }
}

TEST_CASE("losses: the error loss less its target's entropy is 0 where the map tells the error") {
    // ze with sigmoid(2 ze) = t: then BCE is exactly the entropy.
    std::vector<float> zo, g, ze;
    for (int i = 0; i < 101; ++i) {
        const double object = -4 + 0.08 * i, mask = i % 3 / 2.0, t = (mask - 1 / (1 + std::exp(-object)) + 1) / 2;
        zo.push_back(static_cast<float>(object));
        g.push_back(static_cast<float>(mask));
        ze.push_back(static_cast<float>(std::log(t / (1 - t)) / 2));
    }
    const auto tensor = [](const std::vector<float>& v) { return Tensor::from(v.data(), {1, 1, 101, 1}); };
    const double loss = ops::error_loss(tensor(ze), tensor(zo), tensor(g), ops::ErrorLoss::bce).item();
    CHECK(loss == doctest::Approx(ops::error_target_entropy(tensor(zo), tensor(g)).item()).epsilon(1e-6));
    CHECK(loss > 0.1);
}

}  // namespace purnet::test
