#include "core/plan/passes.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/activation/activation.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_key.h"
#include "kernels/conv2d/packed.h"
#include "kernels/conv_transpose2d/conv_transpose2d.h"
#include "kernels/round_bf16/round_bf16.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/scope.h"

namespace purnet {
namespace {

enum BatchNormInput { bn_x, bn_gamma, bn_beta, bn_mean, bn_var, bn_slope, bn_before, bn_after };

const Value& value(const Graph& graph, int id) { return graph.values[static_cast<size_t>(id)]; }

std::vector<double> constant(const Graph& graph, int id) { return value(graph, id).constant.to_doubles(); }

void set_activation(conv2d::Epilogue& epilogue, Activation activation, const Graph& graph, int slope) {
    switch (activation) {
        case Activation::none: return;
        case Activation::relu: epilogue.slope = 0; return;
        case Activation::relu6:
            epilogue.slope = 0;
            epilogue.top = 6;
            return;
        case Activation::prelu: epilogue.slope = static_cast<float>(constant(graph, slope)[0]); return;
        case Activation::sigmoid:
        case Activation::tanh: fail("no convolution epilogue has ", name_of(activation));
    }
}

// The one step that reads the convolution's result and can follow it in the same pass.
std::optional<size_t> follower(const Graph& graph, int result) {
    if (graph.uses(result) != 1) return std::nullopt;
    for (size_t i = 0; i < graph.steps.size(); ++i) {
        const Step& step = graph.steps[i];
        if (step.inputs.empty() || step.inputs[0] != result) continue;
        if (const auto* bn = std::any_cast<batch_norm::Problem>(&step.problem)) {
            if (bn->training) return std::nullopt;
            return i;
        }
        if (const auto* act = std::any_cast<activation::Problem>(&step.problem))
            if (act->function == Activation::relu || act->function == Activation::relu6 || act->function == Activation::prelu) return i;
    }
    return std::nullopt;
}

// The constant with a convolution's weights in float32, or -1: the weight itself, or what a network in bf16 rounds for the convolution.
int weight_of(const Graph& graph, const Step& conv) {
    const int weight = conv.inputs[1];
    if (value(graph, weight).constant) return weight;
    const int maker = graph.producer(weight);
    if (maker < 0 || !std::any_cast<round_bf16::Problem>(&graph.steps[static_cast<size_t>(maker)].problem)) return -1;
    const int source = graph.steps[static_cast<size_t>(maker)].inputs[0];
    return value(graph, source).constant ? source : -1;
}

// Weights, bias and the epilogue's slope and top, from the values of the graph's constants.
void fold(Fusion& f, const Graph& graph, const Step& conv, int weight) {
    const ConvolutionForm& form = f.form;
    // The weight's output channel is its first axis, of transposed convolutions its last.
    const int64_t channels = form.forward() ? form.problem.o : form.problem.c;
    f.weight = value(graph, weight).constant.to_floats();
    std::vector<double> bias =
        conv.inputs[2] >= 0 ? constant(graph, conv.inputs[2]) : std::vector<double>(static_cast<size_t>(channels), 0.0);
    if (f.consumer) {
        const Step& next = graph.steps[*f.consumer];
        if (const auto* bn = std::any_cast<batch_norm::Problem>(&next.problem)) {
            const std::vector<double> gamma = constant(graph, next.inputs[bn_gamma]), beta = constant(graph, next.inputs[bn_beta]);
            const std::vector<double> mean = constant(graph, next.inputs[bn_mean]), var = constant(graph, next.inputs[bn_var]);
            const size_t n = static_cast<size_t>(channels), per_channel = f.weight.size() / n;
            std::vector<double> scale(n);
            for (size_t o = 0; o < n; ++o) {
                scale[o] = gamma[o] / std::sqrt(var[o] + bn->eps);
                bias[o] = (bias[o] - mean[o]) * scale[o] + beta[o];
            }
            // Rows of one scale, or of all scales in turn.
            const size_t rows = form.forward() ? n : per_channel, width = form.forward() ? per_channel : n;
            parallel_for(static_cast<int64_t>(rows), 1 + static_cast<int64_t>(65536 / width), [&](int64_t begin, int64_t end) {
                for (auto r = static_cast<size_t>(begin); r < static_cast<size_t>(end); ++r)
                    for (size_t k = 0; k < width; ++k)
                        f.weight[r * width + k] = static_cast<float>(f.weight[r * width + k] * scale[form.forward() ? r : k]);
            });
            set_activation(f.epilogue, bn->activation, graph, next.inputs[bn_slope]);
        } else {
            const auto& act = *std::any_cast<activation::Problem>(&next.problem);
            set_activation(f.epilogue, act.function, graph, next.inputs.size() > 1 ? next.inputs[1] : -1);
        }
    }
    f.bias.assign(bias.begin(), bias.end());
}

// kept: where its values are, folded and packed already.
Fusion fuse(const Graph& graph, const Step& conv, const ConvolutionForm& form, int weight, const PackedEntry* kept) {
    Fusion f;
    f.form = form;
    f.name = conv.name;
    f.x = conv.inputs[0];
    f.output = conv.outputs[0];
    f.consumer = follower(graph, conv.outputs[0]);
    if (f.consumer) {
        const Step& next = graph.steps[*f.consumer];
        f.output = next.outputs[0];
        f.name += "+" + next.name;
        if (const auto* bn = std::any_cast<batch_norm::Problem>(&next.problem)) {
            f.before = next.inputs[bn_before];
            f.after = next.inputs[bn_after];
            if (bn->activation != Activation::none) f.name += std::string("+") + purnet::name_of(bn->activation);
            if (f.before >= 0 || f.after >= 0) f.name += "+sum";
        }
    }
    if (kept)
        f.epilogue.slope = kept->slope, f.epilogue.top = kept->top;
    else
        fold(f, graph, conv, weight);
    f.epilogue.before = f.before >= 0;
    f.epilogue.after = f.after >= 0;
    return f;
}

// Of the values those that nobody reads any more.
void forget_constants(Graph& graph, const std::vector<int>& values) {
    for (const int v : values)
        if (v >= 0 && graph.uses(v) == 0) graph.values[static_cast<size_t>(v)].constant = Tensor();
}

}  // namespace

// Keys of choices are key_of() with words of their device around it.
std::string measured(const std::string& convolution, const Key& key) {
    const std::string type = concat(" ", key.dtype == DType::f32 && tf32_allowed() ? "tf32" : name_of(key.dtype), " ");
    std::string text;
    for (const auto& [words, way] : choices::known()) {
        const size_t at = words.find(convolution);
        if (at == std::string::npos) continue;
        const std::string before = words.substr(0, at), behind = words.substr(at + convolution.size());
        const bool same = key.device == DeviceType::cpu ? before.empty() : before.ends_with(type);
        if (same && (behind.empty() || behind[0] == ' ')) text += (text.empty() ? "measured: " : "; ") + before + way + behind;
    }
    return text;
}

int fuse_convolutions(Graph& graph, Device device, const NarrowForms& forms, bool give_back, const PackedWeights* kept) {
    const std::unique_ptr<Narrow> narrow = Narrow::make(graph, device, forms);
    const Context context{device, nullptr};
    const auto key_of = [&](const Step& step) { return Key{device.type, value(graph, step.inputs[0]).dtype}; };
    const auto packed = [&](const Step& step, const Fusion& f) {
        const Key key = key_of(step);
        const auto text = [&] { return concat("weights of ", value(graph, step.inputs[1]).shape); };
        const OpScope op(f.name.c_str(), text);
        std::shared_ptr<conv2d::PackedConv> conv;
        if (const auto* t = std::any_cast<conv_transpose2d::Problem>(&step.problem))
            conv = conv_transpose2d::table().get(&conv_transpose2d::Kernels::pack, "pack", key)(*t, f.epilogue, f.weights(), f.biases(),
                                                                                                context);
        else
            conv = conv2d::table().get(&conv2d::Kernels::pack, "pack", key)(f.form.problem, f.epilogue, f.weights(), f.biases(), context);
        return packed_step(std::move(conv), f, f.x, f.output);
    };
    int place = 0;
    for (size_t i = 0; i < graph.steps.size(); ++i) {
        const Step& step = graph.steps[i];
        const std::optional<ConvolutionForm> form = ConvolutionForm::of(step);
        if (!form || !conv2d::table().has(&conv2d::Kernels::pack, key_of(step))) continue;
        const int weight = weight_of(graph, step);
        if (weight < 0) continue;
        const std::string path = step.layer;  // the step goes before the scope does
        std::optional<LayerScope> layer;
        if (!path.empty()) layer.emplace(path.c_str());
        const PackedEntry* entry = kept ? &entry_at(*kept, place) : nullptr;
        const Fusion f = fuse(graph, step, *form, weight, entry);
        const bool narrowed = narrow && narrow->runs(graph, step);
        Step fused = narrowed ? narrow->step(graph, f) : packed(step, f);
        fused.name = f.name;
        fused.layer = path;
        if (!narrowed && choices::any()) fused.chosen = measured(conv2d::key_of(form->problem, form->pass), key_of(step));
        fused.multiply_adds = multiply_adds(step);
        fused.packed.place = place++;
        const conv2d::Problem& p = form->problem;
        fused.packed.what = concat(f.name, "; ", fused.packed.what, "; ", Shape{p.o, p.kh, p.kw, p.c / p.groups});
        fused.packed.epilogue = f.epilogue;
        if (entry) restore(fused, *entry);
        const int rounded = weight == step.inputs[1] ? -1 : step.inputs[1];
        std::vector<int> read = step.inputs;
        read.push_back(weight);
        if (f.consumer) {
            const std::vector<int>& more = graph.steps[*f.consumer].inputs;
            read.insert(read.end(), more.begin(), more.end());
        }
        // At the consumer's place, where everything that is summed exists already.
        graph.steps[f.consumer.value_or(i)] = std::move(fused);
        const auto erase = [&](size_t at) { graph.steps.erase(graph.steps.begin() + static_cast<std::ptrdiff_t>(at)); };
        if (f.consumer) erase(i--);
        if (rounded >= 0 && graph.uses(rounded) == 0) {  // its maker stands before the convolution
            erase(static_cast<size_t>(graph.producer(rounded)));
            --i;
        }
        forget_constants(graph, read);
        if (give_back) release_cached_memory(device.type);
    }
    if (narrow) narrow->add_conversions(graph);
    return place;
}

void compute_constants(Graph& graph, Device device) {
    const auto given = [&](int id) { return id < 0 || value(graph, id).constant; };
    const auto asked_for = [&](int id) { return std::count(graph.outputs.begin(), graph.outputs.end(), id) > 0; };
    const auto absent = [&](int id) { return id >= 0 && value(graph, id).constant.is_symbolic(); };
    std::erase_if(graph.steps, [&](const Step& step) {
        if (!std::all_of(step.inputs.begin(), step.inputs.end(), given)) return false;
        if (std::any_of(step.outputs.begin(), step.outputs.end(), asked_for)) return false;
        if (std::any_of(step.inputs.begin(), step.inputs.end(), absent)) {
            for (const int id : step.outputs) {
                Value& made = graph.values[static_cast<size_t>(id)];
                made.constant = Tensor::symbolic(made.shape, made.dtype, device);
            }
            return true;
        }
        std::vector<const void*> in;
        std::vector<void*> out;
        for (const int id : step.inputs) in.push_back(id < 0 ? nullptr : value(graph, id).constant.raw());
        for (const int id : step.outputs) {
            Value& made = graph.values[static_cast<size_t>(id)];
            made.constant = Tensor::empty(made.shape, made.dtype, device);
            out.push_back(made.constant.raw());
        }
        std::optional<LayerScope> layer;
        if (!step.layer.empty()) layer.emplace(step.layer.c_str());
        const auto text = [&] { return concat("of constants, to ", value(graph, step.outputs[0]).shape); };
        const OpScope op(step.name.c_str(), text);
        const Block workspace(device, step.workspace());
        step.run(Arguments(in.data(), out.data(), workspace.data()), Context{device, nullptr});
        return true;
    });
}

}  // namespace purnet
