#include "nets/purnet_groups.h"

namespace purnet {
namespace {

std::string_view name_of(Part part) {
    switch (part) {
        case Part::extractor: return "extractor";
        case Part::main: return "main";
        case Part::promotion: return "promotion";
        case Part::rectification: return "rectification";
    }
    fail("unnamed part");
}

GroupForm form_of(Part part, bool bias, Recipe recipe, int stage, int64_t steps, const RecipeRates& rates) {
    const bool slow = part == Part::extractor || (recipe == Recipe::code && stage > 1 && part == Part::main);
    const bool falls = recipe == Recipe::paper || part == Part::extractor;
    GroupForm form;
    form.name = std::string(name_of(part)) + (bias ? " biases" : "");
    form.rate = (slow ? rates.extractor : rates.others) * (bias ? 2 : 1);
    form.weight_decay = bias ? 0 : rates.weight_decay;
    form.schedule = falls ? rates.schedule : Schedule{};
    form.schedule.steps = steps;
    return form;
}

}  // namespace

std::vector<ParameterGroup> purnet_groups(ParameterStore& store, Recipe recipe, int stage, int64_t steps, const RecipeRates& rates) {
    const Parts fixed = fixed_parts(recipe, stage) | rates.frozen;
    std::vector<ParameterGroup> groups;
    for (const Part part : {Part::extractor, Part::main, Part::promotion, Part::rectification}) {
        if (fixed.has(part)) continue;
        std::vector<Parameter*> weights, biases;
        for (Parameter& p : store.all()) {
            if (p.statistic || part_of(p.name) != part) continue;
            (recipe == Recipe::code && p.name.ends_with(".bias") ? biases : weights).push_back(&p);
        }
        if (!weights.empty()) groups.emplace_back(form_of(part, false, recipe, stage, steps, rates), std::move(weights));
        if (!biases.empty()) groups.emplace_back(form_of(part, true, recipe, stage, steps, rates), std::move(biases));
    }
    require(!groups.empty(), "stage ", stage, " moves no parameter of this network");
    return groups;
}

}  // namespace purnet
