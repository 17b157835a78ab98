#include "apps/bench/step_work.h"

#include <map>
#include <set>
#include <tuple>

#include "apps/bench/convolution_of_case.h"
#include "apps/bench/predicted.h"
#include "apps/salient/run_folder.h"
#include "apps/salient/stage.h"
#include "apps/salient/training_data.h"
#include "core/op.h"
#include "core/plan/merge.h"
#include "core/plan/narrow.h"
#include "core/plan/passes.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/batch_norm/moments.h"
#include "nets/init.h"

namespace purnet::bench {
namespace {

using conv2d::Pass;

// Kernels of an op, as its record has them. A loss's forward leaves its gradient, which the backward scales: the record's backward is both.
int launches_forward(const std::string& name) {
    if (name == "structural_kl") return launches_of("structural", "backward") - 1;
    if (name == "overlap_loss") return launches_of("overlap", "backward") - 1;
    return launches_of(name, "forward");
}
// Of the two that read everything twice, since sums must be there before what follows from them.
int launches_backward(const std::string& name) {
    return name == "batch_norm" || name == "promote" ? launches_of(name == "promote" ? "promotion" : name, "backward") : 1;
}

std::optional<Convolution> convolution_of(const std::any& problem, Pass pass, int batch) {
    std::optional<Convolution> c;
    if (const auto* p = std::any_cast<conv2d::Problem>(&problem)) c = Convolution{*p, pass};
    if (const auto* p = std::any_cast<conv_transpose2d::Problem>(&problem)) c = transposed(*p, pass);
    if (c) c->problem.n *= batch;
    return c;
}

std::string text_of(const Shape& shape, int batch) {
    std::vector<int64_t> extents = shape.vector();
    if (extents.size() > 1) extents[0] *= batch;
    return Shape(extents).text();
}

// What tells convolutions of one result apart.
std::string kernel_text(const Convolution& c) {
    const conv2d::Problem& p = c.problem;
    return concat(" by ", p.kh, "x", p.kw, p.dilation > 1 ? concat(" dilation ", p.dilation) : "", " of ",
                  c.pass == Pass::forward ? p.c : p.o);
}

// Runs every op of this thread and counts it.
class Counter : public OpObserver {
public:
    Counter(int batch, DType dtype) : batch_(batch), dtype_(dtype), before_(set_op_observer(this)) {}
    ~Counter() { set_op_observer(before_); }
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;

    std::vector<OpWork> list;

    std::vector<Tensor> observe(OpCall&& call) override;

private:
    // What the backward of an op has to know.
    struct Call {
        int number = 0, result = 0;  // result: the number of the tensor that it makes
        std::string name, shape;
        std::any problem;
        std::vector<double> inputs = {}, outputs = {};  // bytes
        std::vector<int> tensors = {};                  // inputs that ops made: their numbers; else -1
        std::vector<const Parameter*> parameters = {};
    };
    class Watched;

    static std::tuple<uint64_t, int, int> identity_of(const Tensor& t) { return {t.impl().graph, t.impl().node, t.impl().output}; }
    double bytes_of(int64_t count, DType dtype) const;
    void count_forward(const Call& call, bool view);
    void backward(const Call& call, Gradients& to, const std::function<void(Gradients&)>& run);
    void flowed(const Call& call, size_t input);

    int batch_;
    DType dtype_;
    OpObserver* before_;
    int calls_ = 0, tensors_ = 0, last_ = -1;  // last_: call whose backward came last
    // Of tensors that ops made, by what a tape knows them by: an address may be that of another one later.
    std::map<std::tuple<uint64_t, int, int>, int> numbers_;
    std::set<int> with_moments_;           // tensors whose statistics are taken in passing
    std::set<int> with_sums_;              // tensors over whose gradient in this walk a batch norm's sums are
    std::set<int> tensors_with_gradient_;  // in this walk of the tape
    std::set<const Parameter*> parameters_with_gradient_;
};

// Between a backward and the tape: notes what is read, each operand once, and for which inputs there is a gradient.
class Counter::Watched : public Gradients {
public:
    Watched(const Call& call, Gradients& to) : call_(call), to_(to) {}

    std::set<int> made, given;
    double read() const {
        double sum = 0;
        for (const auto& [operand, bytes] : read_) sum += bytes;
        return sum;
    }

    const Tensor& input(int i) const override {
        read_[{0, i}] = call_.inputs[static_cast<size_t>(i)];
        return to_.input(i);
    }
    const Tensor& output(int i) const override {
        read_[{1, i}] = call_.outputs[static_cast<size_t>(i)];
        return to_.output(i);
    }
    Tensor grad(int i) override {
        read_[{2, i}] = call_.outputs[static_cast<size_t>(i)];
        return to_.grad(i);
    }
    bool has_grad(int i) const override { return to_.has_grad(i); }
    bool wanted(int i) const override { return to_.wanted(i); }
    void* destination(int i) override {
        void* const place = to_.destination(i);
        if (place) made.insert(i);
        return place;
    }
    void give(int i, Tensor gradient) override {
        if (to_.wanted(i)) given.insert(i);
        to_.give(i, std::move(gradient));
    }
    std::any sums_wanted(int i) override { return to_.sums_wanted(i); }
    void give_sums(int i, Tensor sums) override { to_.give_sums(i, std::move(sums)); }
    const Tensor& sums() const override { return to_.sums(); }
    Context context() const override { return to_.context(); }
    void in_halves(const std::function<void()>& first, const std::vector<int>& parameters,
                   const std::function<Launches()>& second) override {
        to_.in_halves(first, parameters, second);
    }

private:
    const Call& call_;
    Gradients& to_;
    mutable std::map<std::pair<int, int>, double> read_;
};

// Of what a picture has.
double Counter::bytes_of(int64_t count, DType dtype) const {
    if (count == 1) return 4;
    const bool whole = dtype == DType::i32 || dtype == DType::u8;
    return batch_ * static_cast<double>(count) * static_cast<double>(size_of(whole ? dtype : dtype_));
}

void Counter::count_forward(const Call& call, bool view) {
    const auto add = [&](const std::string& name, const Work& work) { list.push_back({name, call.shape, work}); };
    const auto* const norm = std::any_cast<batch_norm::Problem>(&call.problem);
    double bytes = 0;
    for (const std::vector<double>* operands : {&call.inputs, &call.outputs})
        for (const double operand : *operands) bytes += operand;
    if (const std::optional<Convolution> c = convolution_of(call.problem, Pass::forward, batch_)) {
        if (dtype_ == DType::bf16) add("weights, rounded to bf16", {6 * static_cast<double>(c->problem.weight_count())});
        add(call.name, work_of(*c, dtype_));
    } else if (norm && norm->training) {
        // Moments are written behind the convolution and read here; else x is read a second time.
        const double moments = 12.0 * static_cast<double>(batch_norm::moment_parts(norm->rows * batch_) * norm->channels);
        add(call.name, {bytes + (with_moments_.count(call.tensors[0]) ? 2 * moments : call.inputs[0]), 0,
                        launches_of("batch_norm", "forward", "training")});
    } else if (!view) {
        add(call.name, {bytes, 0, launches_forward(call.name)});
    }
}

std::vector<Tensor> Counter::observe(OpCall&& call) {
    // What judges a step works on buffers of parameters, which no batch enlarges: added behind the step.
    const bool judges = call.name == "squared_norm" || call.name == "all_finite";
    Call known{calls_++, tensors_, std::string(call.name), text_of(call.outputs[0].shape, batch_), call.problem};
    if (const std::optional<Convolution> c = convolution_of(call.problem, Pass::forward, batch_)) known.shape += kernel_text(*c);
    for (const Tensor& t : call.inputs) {
        const Parameter* const parameter = t ? t.impl().parameter : nullptr;
        known.inputs.push_back(!t ? 0 : parameter ? 4 * static_cast<double>(t.count()) : bytes_of(t.count(), t.dtype()));
        const auto at = t && t.impl().graph > 0 ? numbers_.find(identity_of(t)) : numbers_.end();
        known.tensors.push_back(at == numbers_.end() ? -1 : at->second);
        known.parameters.push_back(parameter);
    }
    for (const OpCall::Output& output : call.outputs) known.outputs.push_back(bytes_of(output.shape.count(), output.dtype));
    if (!judges) count_forward(known, call.view);

    if (!call.rebuild_inputs.empty()) {
        double again = known.outputs[0];
        for (const int i : call.rebuild_inputs) again += known.inputs[static_cast<size_t>(i)];
        call.rebuild = [this, again, name = known.name + ", made again", shape = known.shape,
                        run = call.rebuild ? call.rebuild : call.forward](const Arguments& a, const Context& c) {
            list.push_back({name, shape, {again}});
            run(a, c);
        };
    }
    if (call.backward) call.backward = [this, known, run = std::move(call.backward)](Gradients& g) { backward(known, g, run); };
    const auto* const convolution = std::any_cast<conv2d::Problem>(&known.problem);

    set_op_observer(nullptr);
    std::vector<Tensor> outputs = apply(std::move(call));
    set_op_observer(this);
    if (convolution && convolution->has_moments()) with_moments_.insert(tensors_);
    for (const Tensor& t : outputs) {
        if (t.impl().graph > 0) numbers_[identity_of(t)] = tensors_;
        ++tensors_;
    }
    return outputs;
}

void Counter::backward(const Call& call, Gradients& to, const std::function<void(Gradients&)>& run) {
    if (call.number >= last_) tensors_with_gradient_.clear();  // ops come last first: another walk
    last_ = call.number;
    // As core/ops/conv2d.cpp asks on a device: sums are written beside the data gradient, which reads the batch norm's input, and read by
    // the batch norm, whose backward then is one pass.
    const auto* const own = std::any_cast<conv2d::Problem>(&call.problem);
    const auto sums_bytes = [&](int64_t rows, int64_t channels) {
        return 12.0 * static_cast<double>(batch_norm::moment_parts(rows * batch_) * channels);
    };
    const bool gives = own && own->has_gradient_sums() && to.wanted(0) && to.sums_wanted(0).has_value();
    Watched watched(call, to);
    run(watched);
    if (convolution_of(call.problem, Pass::forward, batch_)) {
        const auto add = [&](Pass pass, const char* what, double beside) {
            Work work = work_of(*convolution_of(call.problem, pass, batch_), dtype_);
            work.beside = beside;
            work.launches += beside > 0;
            list.push_back({call.name + what, call.shape, work});
        };
        if (watched.made.count(0)) add(Pass::backward_data, ", data gradient", 0);
        if (gives) {
            list.back().work.epilogue = call.inputs[0] + sums_bytes(own->n * own->h * own->w, own->c);
            with_sums_.insert(call.tensors[0]);
        }
        if (watched.made.count(1)) add(Pass::backward_weights, ", weight gradient", watched.made.count(2) ? call.outputs[0] : 0);
    } else if (!watched.made.empty()) {
        const int launches = launches_backward(call.name);
        const auto* const norm = std::any_cast<batch_norm::Problem>(&call.problem);
        const bool from_sums = norm && with_sums_.erase(call.result) > 0;
        double bytes = watched.read() * (from_sums ? 1 : launches) + (from_sums ? sums_bytes(norm->rows, norm->channels) : 0);
        for (const int i : watched.made) bytes += call.inputs[static_cast<size_t>(i)];
        list.push_back({call.name + ", backward", call.shape, {bytes, 0, launches}});
    }
    watched.given.insert(watched.made.begin(), watched.made.end());
    for (const int i : watched.given) flowed(call, static_cast<size_t>(i));
}

// A second gradient of a tensor is added to the first; that of a parameter in float32.
void Counter::flowed(const Call& call, size_t input) {
    const bool first = call.parameters[input]    ? parameters_with_gradient_.insert(call.parameters[input]).second
                       : call.tensors[input] < 0 ? true
                                                 : tensors_with_gradient_.insert(call.tensors[input]).second;
    if (first) return;
    const bool parameter = call.parameters[input] != nullptr;
    list.push_back({parameter ? "sums of gradients, parameters" : "sums of gradients", call.shape, {3 * call.inputs[input]}});
}

// Behind the last backward of a recorded step (apps/salient/stage_as_one.cpp). The verdict: a sum of losses and norm, whether it is finite,
// the statistics as they were.
void add_update(std::vector<OpWork>& list, const TrainConfig& config, Stage& stage) {
    double moved = 0, statistics = 0;
    std::set<Part> parts;
    for (const Parameter& p : stage.net().parameters().all()) {
        if (p.statistic) statistics += static_cast<double>(p.value.count());
        if (!p.grad) continue;
        moved += static_cast<double>(p.value.count());
        parts.insert(part_of(p.name));
    }
    const int groups = static_cast<int>(parts.size()) * (config.recipe == "code" ? 2 : 1);  // nets/purnet_groups.h
    const std::string shape = concat(static_cast<int64_t>(moved), " parameters");
    const auto add = [&](const char* name, const Work& work) { list.push_back({name, shape, work}); };
    add("norm of the gradients", {4 * moved});
    if (config.clip > 0) add("clipped gradients", {8 * moved, 0, 2});
    add("verdict on the step", {12 * statistics, 0, 3});
    add("update", {(config.optimiser == "adamw" ? 28 : 20) * moved, 0, groups});
    if (config.ema > 0) add("averaged weights", {12 * (moved + statistics), 0, 3});
}

// A step of an inference plan, or one more in its launch: whose convolution is then the one that writes most. size: bytes of an element;
// sources: what the launch's convolutions have read so far.
void add_step(OpWork& op, const Graph& graph, size_t number, const Convolution* convolution, double size, std::set<int>& sources) {
    const Step& step = graph.steps[number];
    const auto bytes = [&](const std::vector<int>& values) {
        double sum = 0;
        for (const int v : values)
            if (v >= 0 && !graph.values[static_cast<size_t>(v)].constant)
                sum += size * static_cast<double>(graph.values[static_cast<size_t>(v)].shape.count());
        return sum;
    };
    const bool first = op.name.empty();
    if (first) {
        op.name = step.name;
        op.shape = graph.values[static_cast<size_t>(step.outputs.at(0))].shape.text();
    }
    Work& work = op.work;
    work.bytes += bytes(step.outputs);
    require(convolution || !ConvolutionForm::of(step), step.name, " was not packed");
    if (!convolution) {
        work.bytes += bytes(step.inputs);
        return;
    }
    const double flops = convolution->problem.flops();
    require(flops == 2 * step.multiply_adds, step.name, " is another convolution than before it was packed");
    work.flops += flops;
    work.bytes += size * static_cast<double>(convolution->problem.weight_count());
    if (sources.insert(step.inputs[0]).second) work.bytes += bytes({step.inputs[0]});
    work.epilogue += bytes({step.inputs.begin() + 1, step.inputs.end()});  // what is added
    if (first) op.shape += kernel_text(*convolution);
    if (first || convolution->problem.weight_count() > work.convolution->problem.weight_count()) work.convolution = *convolution;
}

}  // namespace

std::vector<int> stages_of(Materials& materials, const std::string& net) {
    if (network_config(materials.training(net, 32), 3, false).has_three_stages()) return {1, 2, 3};
    return {1};
}

std::vector<OpWork> training_step_work(Materials& materials, const StepForm& form) {
    TrainConfig config = materials.training(form.net, form.size);
    config.batch = {1, 1, 1};
    RunFolder folder(config.out);
    const TrainingData data(config, folder, false, false, Device{DeviceType::cuda});  // there the step augments
    const Batch picture = data.loader(form.stage).next();
    auto net = std::make_unique<PurNet>(network_config(config, form.stage, false));
    initialise(net->parameters(), 1);
    Stage stage(config, form.stage, 1000, std::move(net));
    Counter counter(form.batch, form.dtype);
    require(stage.step(picture, 0, false).finite, "the step that is counted was not finite");
    add_update(counter.list, config, stage);
    return std::move(counter.list);
}

std::vector<OpWork> inference_work(const Materials& materials, const StepForm& form) {
    const std::unique_ptr<PurNet> network = materials.network(form.net);
    const Shape picture{form.batch, form.size, form.size, 3};
    Graph graph = trace({Tensor::symbolic(picture, DType::f32, {})},
                        [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{network->map(in[0])}; });
    // A step that was packed knows its place among the convolutions and no longer its problem.
    std::vector<Convolution> convolutions;
    for (const Step& step : graph.steps)
        if (const std::optional<ConvolutionForm> found = ConvolutionForm::of(step)) convolutions.push_back({found->problem, found->pass});
    fuse_convolutions(graph, {});
    const auto convolution_at = [&](size_t i) -> const Convolution* {
        const int place = graph.steps[i].packed.place;
        return place < 0 ? nullptr : &convolutions.at(static_cast<size_t>(place));
    };
    // On the host nothing merges (core/plan/merge.h); this is what a device makes of it.
    const auto can_merge = [&, wanted = merging_is_wanted()](size_t a, size_t b) {
        const Convolution *first = convolution_at(a), *second = convolution_at(b);
        return wanted && first && second && first->pass == second->pass &&
               conv2d::implicit::in_one_launch(first->problem, second->problem, first->pass, form.dtype);
    };
    const auto size = static_cast<double>(size_of(form.dtype));
    std::vector<OpWork> list{{"normalise", picture.text(), {(1 + size) * static_cast<double>(picture.count())}}};
    for (const std::vector<size_t>& group : merged_steps(graph, can_merge)) {
        OpWork op;
        std::set<int> sources;
        for (const size_t i : group) add_step(op, graph, i, convolution_at(i), size, sources);
        if (group.size() > 1) {
            op.name = concat(group.size(), " merged: ", op.name);
            Convolution& widest = *op.work.convolution;
            widest.problem = conv2d::implicit::as_one(widest.problem, static_cast<int>(group.size()));
        }
        list.push_back(op);
    }
    return list;
}

double summed(const std::vector<OpWork>& list, const DeviceModel& device, DType dtype, double launch) {
    double sum = 0;
    for (const OpWork& op : list) sum += predict(device, op.work, dtype, launch).microseconds;
    return sum;
}

}  // namespace purnet::bench
