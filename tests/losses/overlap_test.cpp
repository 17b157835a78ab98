// The region loss: values worked out by hand, and the stages and recipes that have it.
#include <doctest/doctest.h>

#include "losses/purificatory.h"

namespace purnet::test {
namespace {

Tensor map_of(const std::vector<float>& values, Shape shape) { return Tensor::from(values.data(), shape, DType::f32, Device{}); }

std::vector<std::string> terms_of(Recipe recipe, int stage) {
    LossInputs in;
    for (size_t i = 0; i < 5; ++i) in.z[i] = in.zp[i] = in.zo[i] = in.ze[i] = map_of({0, 1, -1, 2}, {1, 2, 2, 1});
    in.mask = map_of({0, 1, 0, 1}, {1, 2, 2, 1});
    std::vector<std::string> names;
    for (const LossTerm& term : purificatory_losses(in, {.recipe = recipe, .stage = stage, .structural = false, .overlap = true}).terms)
        names.push_back(term.name);
    return names;
}

}  // namespace

TEST_CASE("overlap: the loss of hand-made maps") {
    // p is 1/2: I = 2 * 1/2, U = 4 * 1/2 + 2 - I; the second image has no object: I = 0, U = 2.
    const Tensor z = map_of({0, 0, 0, 0, 0, 0, 0, 0}, {2, 2, 2, 1});
    const Tensor g = map_of({1, 1, 0, 0, 0, 0, 0, 0}, {2, 2, 2, 1});
    CHECK(ops::overlap_loss(z, g).item() == doctest::Approx(((1 - 2.0 / 4) + (1 - 1.0 / 3)) / 2).epsilon(1e-6));
    const Tensor sure = map_of({90, 90, -90, -90}, {1, 2, 2, 1});
    CHECK(ops::overlap_loss(sure, map_of({1, 1, 0, 0}, {1, 2, 2, 1})).item() == doctest::Approx(0).epsilon(1e-7));
    CHECK(ops::overlap_loss(sure, map_of({0, 0, 1, 1}, {1, 2, 2, 1})).item() == doctest::Approx(0.8).epsilon(1e-6));
}

TEST_CASE("overlap: it stands beside the main loss, where that learns") {
    using Names = std::vector<std::string>;
    for (const Recipe recipe : {Recipe::paper, Recipe::code}) CHECK(terms_of(recipe, 1) == Names{"main", "overlap"});
    CHECK(terms_of(Recipe::paper, 2) == Names{"promotion", "rectification", "error"});
    CHECK(terms_of(Recipe::code, 2) == Names{"main", "promotion", "rectification", "error"});
    for (const Recipe recipe : {Recipe::paper, Recipe::code})
        CHECK(terms_of(recipe, 3) == Names{"main", "overlap", "promotion", "rectification", "error"});
}

}  // namespace purnet::test
