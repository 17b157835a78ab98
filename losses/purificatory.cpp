#include "losses/purificatory.h"

#include "core/ops/reduce.h"

namespace purnet {
namespace {

bool any(const std::array<Tensor, 5>& levels) { return levels[0].defined(); }

template <class Level>
LossTerm term(std::string name, Level&& level) {
    LossTerm result{std::move(name), {}};
    for (size_t i = 0; i < 5; ++i) result.levels[i] = level(i);
    return result;
}

LossTerm main_loss(const LossInputs& in, const LossOptions& options) {
    return term("main", [&](size_t i) {
        if (options.stage == 1 || !any(in.ze)) return ops::weighted_bce(in.z[i], in.mask, {}, ops::Weight::none, false);
        const bool code = options.recipe == Recipe::code;
        return ops::weighted_bce(in.z[i], in.mask, in.ze[i], code ? ops::Weight::flowing : ops::Weight::fixed, code);
    });
}

LossTerm structural_loss(const LossInputs& in, const LossOptions& options) {
    require(in.labels.defined(), "the structural loss needs superpixel labels");
    return term("structural", [&](size_t i) { return ops::structural_kl(in.z[i], in.mask, in.labels, options.recipe == Recipe::code); });
}

LossTerm plain_bce(std::string name, const std::array<Tensor, 5>& logits, const Tensor& mask) {
    return term(std::move(name), [&](size_t i) { return ops::weighted_bce(logits[i], mask, {}, ops::Weight::none, false); });
}

// One scalar of all levels of the terms named.
LossRoot root(const std::vector<LossTerm>& terms, std::initializer_list<std::string_view> names, Parts moves) {
    std::vector<Tensor> scalars;
    for (const LossTerm& t : terms)
        for (const std::string_view name : names)
            if (t.name == name) scalars.insert(scalars.end(), t.levels.begin(), t.levels.end());
    return {scalars.empty() ? Tensor() : ops::sum_of(scalars), moves};
}

}  // namespace

double LossTerm::total() const {
    double sum = 0;
    for (const Tensor& level : levels) sum += level.item();
    return sum;
}

std::vector<Tape::Root> Losses::tape_roots() const {
    std::vector<Tape::Root> list;
    for (const LossRoot& r : roots)
        list.push_back({r.value, [moves = r.moves](const Parameter& p) { return moves.has(part_of(p.name)); }, 1});
    return list;
}

Parts fixed_parts(Recipe recipe, int stage) {
    if (recipe == Recipe::paper && stage == 2) return {Part::extractor, Part::main};
    return {};
}

Losses purificatory_losses(const LossInputs& in, const LossOptions& options) {
    require(options.stage >= 1 && options.stage <= 3, "a purificatory network has the training stages 1, 2 and 3, not ", options.stage);
    require(any(in.z) || any(in.zp) || any(in.zo), "losses of a network without outputs");
    const bool paper = options.recipe == Recipe::paper;
    Losses losses;
    if (any(in.z) && !(paper && options.stage == 2)) losses.terms.push_back(main_loss(in, options));
    if (any(in.z) && options.structural && options.stage != 2) losses.terms.push_back(structural_loss(in, options));
    if (any(in.z) && options.overlap && options.stage != 2)
        losses.terms.push_back(term("overlap", [&](size_t i) { return ops::overlap_loss(in.z[i], in.mask); }));
    if (options.stage > 1) {
        if (any(in.zp)) losses.terms.push_back(plain_bce("promotion", in.zp, in.mask));
        if (any(in.zo)) {
            losses.terms.push_back(plain_bce("rectification", in.zo, in.mask));
            losses.terms.push_back(term("error", [&](size_t i) { return ops::error_loss(in.ze[i], in.zo[i], in.mask, options.error); }));
        }
    }
    require(!losses.terms.empty(), "stage ", options.stage, " has no loss for this form of the network: it has no attention to train");

    std::vector<LossRoot> roots;
    if (paper || options.stage == 1) {
        const Parts moves = options.stage == 2 ? Parts{Part::promotion, Part::rectification} : Parts::all();
        roots = {root(losses.terms, {"main", "structural", "overlap", "promotion", "rectification", "error"}, moves)};
    } else {
        roots = {root(losses.terms, {"main", "structural", "overlap"}, {Part::extractor, Part::main}),
                 root(losses.terms, {"promotion"}, {Part::promotion}),
                 root(losses.terms, {"rectification", "error"}, {Part::rectification})};
    }
    for (LossRoot& r : roots)
        if (r.value.defined()) losses.roots.push_back(std::move(r));
    return losses;
}

double error_floor(const LossInputs& in) {
    if (!any(in.zo)) return 0;
    NoGrad off;
    double sum = 0;
    for (const Tensor& zo : in.zo) sum += ops::error_target_entropy(zo, in.mask).item();
    return sum;
}

}  // namespace purnet
