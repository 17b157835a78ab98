// Every ablation trains under both recipes in each of its stages: which losses there are, which parameters move, and that the
// losses fall on one batch.
#include <map>
#include <set>

#include "core/optim/optimiser.h"
#include "nets/init.h"
#include "nets/name_maps.h"
#include "nets/purnet_groups.h"
#include "tests/support/network_goldens.h"
#include "tests/support/refused.h"

namespace purnet {
namespace {

using namespace test;

struct Batch {
    Tensor image, mask, labels;
};

// Two pictures with a bright square each; labels in four columns.
Batch squares() {
    constexpr int64_t n = 2, h = 48, w = 40;
    std::vector<float> image(n * h * w * 3), mask(n * h * w);
    std::vector<int32_t> labels(n * h * w);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t y = 0; y < h; ++y)
            for (int64_t x = 0; x < w; ++x) {
                const auto at = static_cast<size_t>((i * h + y) * w + x);
                const bool inside = y > 10 + 5 * i && y < 30 + 5 * i && x > 8 && x < 28 - 4 * i;
                mask[at] = inside ? 1.0f : 0.0f;
                labels[at] = static_cast<int32_t>(x / 10);
                for (size_t c = 0; c < 3; ++c)
                    image[at * 3 + c] = (inside ? 0.6f : -0.4f) + 0.2f * std::sin(static_cast<float>(at * (c + 3)) * 0.7f);
            }
    return {Tensor::from(image.data(), {n, h, w, 3}), Tensor::from(mask.data(), {n, h, w, 1}), Tensor::from(labels.data(), {n, h, w})};
}

PurNetConfig narrow(Ablation ablation, bool stage1) {
    PurNetConfig config;
    config.backbone = Backbone::light;
    config.width = 8;
    config.ablation = ablation;
    config.stage1 = stage1;
    config.normalisation = default_normalisation(config.backbone);
    return config;
}

std::set<std::string> wanted_terms(Ablation a, Recipe recipe, int stage) {
    const bool promotion = a == Ablation::pa || a == Ablation::pm || a == Ablation::full;
    const bool rectification = a == Ablation::ra || a == Ablation::pm || a == Ablation::full;
    std::set<std::string> names;
    if (stage != 2 || recipe == Recipe::code) names.insert("main");
    if (stage != 2 && (a == Ablation::ssl || a == Ablation::full)) names.insert("structural");
    if (stage > 1 && promotion) names.insert("promotion");
    if (stage > 1 && rectification) names.insert({"rectification", "error"});
    return names;
}

}  // namespace

TEST_CASE("purnet: every ablation trains in each of its stages under both recipes") {
    const Batch batch = squares();
    PurNet start(narrow(Ablation::full, false));  // a value depends on seed and name alone
    initialise(start.parameters(), 5);
    for (const Recipe recipe : {Recipe::paper, Recipe::code})
        for (const Ablation ablation : {Ablation::baseline, Ablation::pa, Ablation::ra, Ablation::pm, Ablation::ssl, Ablation::full}) {
            const int stages = narrow(ablation, false).has_three_stages() ? 3 : 1;
            for (int stage = 1; stage <= stages; ++stage) {
                CAPTURE(name_of(ablation));
                CAPTURE(stage);
                CAPTURE(static_cast<int>(recipe));
                const PurNetConfig config = narrow(ablation, stages == 3 && stage == 1);
                PurNet net(config);
                copy_common(net, start);
                Sgd optimiser(purnet_groups(net.parameters(), recipe, stage, 100));
                const Parts fixed = fixed_parts(recipe, stage);
                std::map<std::string, std::vector<float>> before;
                for (const Parameter& p : net.parameters().all()) before[p.name] = p.value.to_floats();
                double first = 0, last = 0;
                for (int step = 0; step < 3; ++step) {
                    Tape tape;
                    Losses losses;
                    {
                        Recording on(tape);
                        const PurNet::Outputs out =
                            net(batch.image, {.mode = Mode::training, .fixed = fixed, .main = !fixed.has(Part::main)});
                        losses = purificatory_losses({out.z, out.zp, out.zo, out.ze, batch.mask, batch.labels},
                                                     {.recipe = recipe, .stage = stage, .structural = config.has_structural_loss()});
                    }
                    std::set<std::string> names;
                    last = 0;
                    for (const LossTerm& term : losses.terms) names.insert(term.name), last += term.total();
                    CHECK(names == wanted_terms(ablation, recipe, stage));
                    if (step == 0) first = last;
                    optimiser.clear_gradients();
                    tape.backward(losses.tape_roots());
                    for (const ParameterGroup& group : optimiser.groups())
                        for (const Parameter* p : group.parameters()) CHECK_MESSAGE(p->has_grad, p->name << " got no gradient");
                    optimiser.complete_gradients();
                    optimiser.step(step);
                    CHECK(optimiser.proceeded());
                }
                CHECK(last < first);
                for (const Parameter& p : net.parameters().all()) {
                    if (fixed.has(part_of(p.name))) CHECK_MESSAGE(p.value.to_floats() == before[p.name], p.name << " is fixed but moved");
                    if (!fixed.has(part_of(p.name)) && p.name.ends_with(".1.weight"))
                        CHECK_MESSAGE(p.value.to_floats() != before[p.name], p.name << " did not move");
                }
            }
        }
}

TEST_CASE("purnet: a tape that makes outputs again gives the bits of one that keeps them, in less memory") {
    const Batch batch = squares();
    for (const Backbone backbone : {Backbone::resnet50, Backbone::light})
        for (const Recipe recipe : {Recipe::paper, Recipe::code})
            for (int stage = 1; stage <= 3; ++stage) {
                CAPTURE(static_cast<int>(backbone));
                CAPTURE(stage);
                CAPTURE(static_cast<int>(recipe));
                const auto gradients = [&](bool rebuilds, size_t& kept) {
                    PurNetConfig config = narrow(Ablation::full, stage == 1);
                    config.backbone = backbone;
                    PurNet net(config);
                    initialise(net.parameters(), 7);
                    const Sgd optimiser(purnet_groups(net.parameters(), recipe, stage, 100));
                    const Parts fixed = fixed_parts(recipe, stage);
                    const size_t before = memory_use(DeviceType::cpu).live;
                    Tape tape(rebuilds);
                    std::vector<Tape::Root> roots;
                    {
                        Recording on(tape);
                        const PurNet::Outputs out =
                            net(batch.image, {.mode = Mode::training, .fixed = fixed, .main = !fixed.has(Part::main)});
                        roots = purificatory_losses({out.z, out.zp, out.zo, out.ze, batch.mask, batch.labels},
                                                    {.recipe = recipe, .stage = stage})
                                    .tape_roots();
                    }
                    kept = memory_use(DeviceType::cpu).live - before;
                    tape.backward(roots);
                    std::map<std::string, std::vector<float>> all;
                    for (const Parameter& p : net.parameters().all()) {
                        if (p.has_grad) all[p.name] = p.grad.to_floats();
                        if (p.statistic) all[p.name] = p.value.to_floats();
                    }
                    return all;
                };
                size_t kept = 0, rebuilt = 0;
                const auto wanted = gradients(false, kept), got = gradients(true, rebuilt);
                CHECK(got.size() > 20);
                CHECK(got == wanted);
                CHECK(static_cast<double>(rebuilt) < 0.85 * static_cast<double>(kept));
            }
}

TEST_CASE("purnet: a stage that has nothing to train is refused") {
    const Batch batch = squares();
    PurNet net(narrow(Ablation::baseline, false));
    REFUSED(purificatory_losses({}, {}), "without outputs");
    const PurNet::Outputs out = net(batch.image, {});
    REFUSED(purificatory_losses({out.z, {}, {}, {}, batch.mask, batch.labels}, {.stage = 2}), "it has no attention to train");
    REFUSED(purificatory_losses({out.z, {}, {}, {}, batch.mask, {}}, {.stage = 1}), "needs superpixel labels");
    REFUSED(purificatory_losses({out.z, {}, {}, {}, batch.mask, batch.labels}, {.stage = 4}), "not 4");
    REFUSED(purnet_groups(net.parameters(), Recipe::paper, 2, 10), "moves no parameter");
}

TEST_CASE("purnet: the error loss stays above its floor") {
    const Batch batch = squares();
    PurNet net(narrow(Ablation::ra, false));
    initialise(net.parameters(), 6);
    const PurNet::Outputs out = net(batch.image, {});
    const LossInputs inputs{out.z, out.zp, out.zo, out.ze, batch.mask, batch.labels};
    const Losses losses = purificatory_losses(inputs, {.stage = 3, .structural = false});
    for (const LossTerm& term : losses.terms)
        if (term.name == "error") CHECK(term.total() > error_floor(inputs));
    CHECK(error_floor(inputs) > 0);
    CHECK(error_floor(inputs) <= 5 * std::log(2.0));
}

}  // namespace purnet
