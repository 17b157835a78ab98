#include "tests/emulator/kernels/hopper_conv.h"

#include <algorithm>

#include "kernels/conv2d/conv2d_sm90.h"

namespace purnet::test {

using conv2d::Pass;
using conv2d::Problem;
using namespace conv2d::implicit;

size_t hopper_workspace(const Problem& p, Pass pass, int groups, int columns) {
    return sm90::plan_with(p, pass, groups, columns).grid.workspace();
}

namespace {

sm90::Plan plan_with(const Problem& p, Pass pass, int groups, int columns, int most_parts) {
    require(sm90::fits(p, pass) && sm90::device_can(), "this problem is none for sm_90a");
    sm90::Plan plan = sm90::plan_with(p, pass, groups, columns);
    plan.grid.splits = std::min(plan.grid.splits, most_parts);
    return plan;
}

}  // namespace

void hopper_convolve(const Problem& p, Pass pass, int groups, int columns, int most_parts, const HopperOperands& in, float slope, bf16* out,
                     void* workspace) {
    const sm90::Plan plan = plan_with(p, pass, groups, columns, most_parts);
    const bool vectors = (pass == Pass::forward ? p.o : p.c) % 4 == 0;
    const tile::Epilogue<bf16> epilogue{in.bias, in.before, in.after, slope};
    if (pass == Pass::forward)
        sm90::launch(p, plan, Correlation<bf16, true>{narrow(p), in.source, in.weight, epilogue, out, vectors}, workspace, nullptr);
    else
        sm90::launch(p, plan, Correlation<bf16, false>{narrow(p), in.source, in.weight, epilogue, out, vectors}, workspace, nullptr);
}

void hopper_weight_gradient(const Problem& p, int groups, int columns, int most_parts, const bf16* x, const bf16* dy, float* dweight,
                            void* workspace) {
    const sm90::Plan plan = plan_with(p, Pass::backward_weights, groups, columns, most_parts);
    sm90::launch(p, plan, WeightGradient<bf16>{narrow(p), x, dy, dweight, true}, workspace, nullptr);
}

}  // namespace purnet::test
