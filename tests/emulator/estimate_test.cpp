// What predictions take for a convolution's kernel, tile and grid is what the launch takes where nothing was measured.
#include <doctest/doctest.h>

#include "kernels/conv2d/conv2d_estimate.h"
#include "kernels/conv2d/conv2d_layers.h"
#include "kernels/conv2d/conv2d_ways.h"
#include "kernels/runtime/arithmetic.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;
using namespace conv2d::implicit;

template <class T>
void compare(const Problem& p, Pass pass) {
    const Estimate estimate = estimate_of(p, pass, dtype_of<T>, true);
    const Way way = ways<T>(p, pass).front();
    CHECK(estimate.name() == way.name);
    CHECK(estimate.grid.tiles() == way.grid.tiles());
    CHECK(estimate.grid.splits == way.grid.splits);
    CHECK((estimate.unit == Unit::wgmma) == (way.groups > 0));
    CHECK((estimate.unit == Unit::tf32) == way.tf32);
}

}  // namespace

TEST_CASE("conv2d: the estimate that predictions are made from is the launch's, for every layer, pass and type") {
    for (const int64_t batch : {1, 8})
        for (const conv2d::Layer& layer : conv2d::network_layers(batch))
            for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_weights}) {
                INFO(layer.name, ", batch ", batch, ", pass ", static_cast<int>(pass));
                compare<float>(layer.problem, pass);
                compare<bf16>(layer.problem, pass);
                const AllowTf32 tf32;
                compare<float>(layer.problem, pass);
            }
    compare<bf16>({.h = 320, .w = 320, .kh = 8, .kw = 8, .stride = 4, .pads = {2, 2, 2, 2}}, Pass::backward_data);
}

}  // namespace purnet::test
