// The structural loss where its record does not go: masks of 0s and 1s (0 ln 0 = 0) and labels outside 0 .. most_regions - 1, which a
// kernel can only answer with NaN.
#include <doctest/doctest.h>

#include <cmath>

#include "kernels/structural/structural.h"
#include "tests/emulator/device.h"

namespace purnet::test {
namespace {

using structural::Problem;

struct Result {
    float loss;
    std::vector<float> dz;
};

Result on_device(const Problem& p, const std::vector<float>& z, const std::vector<float>& g, const std::vector<int32_t>& labels) {
    const DeviceArray<float> z_there(z), g_there(g), loss(1), dz(z.size());
    const DeviceArray<int32_t> labels_there(labels);
    const DeviceArray<char> workspace(structural::workspace_bytes(p));
    structural::table()
        .find({DeviceType::cuda, DType::f32})
        ->forward(p, z_there.get(), g_there.get(), labels_there.get(), loss.get(), dz.get(), workspace.get(),
                  {{DeviceType::cuda, 0}, nullptr});
    Result result{loss[0], {}};
    for (size_t i = 0; i < z.size(); ++i) result.dz.push_back(dz[i]);
    return result;
}

double loss_of_reference(const Problem& p, const std::vector<float>& z, const std::vector<float>& g, const std::vector<int32_t>& labels) {
    const std::vector<double> wide_z(z.begin(), z.end()), wide_g(g.begin(), g.end());
    std::vector<double> loss(1), dz(z.size());
    structural::table()
        .find({DeviceType::reference, DType::f64})
        ->forward(p, wide_z.data(), wide_g.data(), labels.data(), loss.data(), dz.data(), nullptr, {{DeviceType::reference, 0}, nullptr});
    return loss[0];
}

}  // namespace

TEST_CASE("emulator: the structural loss of a mask of 0s and 1s, and of labels out of range") {
    const Problem p{2, 6, false};
    const std::vector<float> z{-1, 2, 0.5f, -3, 1, 0, 2, -2, 1, -0.5f, 0, 3}, g{0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 0};
    const std::vector<int32_t> labels{0, 0, 1, 1, 2, 2, 0, 1, 2, 2, 3, 5};
    const double wanted = loss_of_reference(p, z, g, labels);
    const Result got = on_device(p, z, g, labels);
    CHECK(wanted > 0.01);
    CHECK(std::fabs(got.loss - wanted) <= 1e-6 * wanted);
    for (const float d : got.dz) CHECK(std::isfinite(d));

    for (const int32_t wrong : {-1, static_cast<int32_t>(structural::most_regions)}) {
        CAPTURE(wrong);
        std::vector<int32_t> bad = labels;
        bad[8] = wrong;
        const Result answer = on_device(p, z, g, bad);
        CHECK(std::isnan(answer.loss));
        CHECK(std::isfinite(answer.dz[0]));  // of the other picture
        for (size_t i = 6; i < 12; ++i) CHECK(std::isnan(answer.dz[i]));
    }
}

TEST_CASE("emulator: the structural loss of more pixels than a block has threads, the largest label among the first") {
    const Problem p{1, 1100, false};
    std::vector<float> z, g;
    std::vector<int32_t> labels;
    for (int i = 0; i < 1100; ++i) {
        z.push_back(static_cast<float>(i % 13 - 6) / 4);
        g.push_back(static_cast<float>(i % 5) / 4);
        labels.push_back(i == 5 ? 300 : i % 7);  // pixel 1029, of the same thread, has label 0
    }
    const double wanted = loss_of_reference(p, z, g, labels);
    CHECK(std::fabs(on_device(p, z, g, labels).loss - wanted) <= 1e-5 * wanted);
}

}  // namespace purnet::test
