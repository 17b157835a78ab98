// The loader, the training step, and both at the same time.
#include <cmath>

#include "apps/bench/nets_rows.h"
#include "apps/bench/predicted.h"
#include "apps/bench/step_work.h"
#include "apps/run/table.h"
#include "apps/salient/run_folder.h"
#include "apps/salient/stage.h"
#include "apps/salient/training_data.h"
#include "core/formats/weights_file.h"
#include "core/plan/graph.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/seconds.h"
#include "nets/name_maps.h"

namespace purnet::bench {
namespace {

constexpr int stage_number = 3;

// A configuration with its data, opened as `train` opens it: steps on a CUDA device augment their pictures.
struct Session {
    TrainConfig config;
    RunFolder folder;
    TrainingData data;

    explicit Session(const TrainConfig& wanted, Device computes = {})
        : config(wanted), folder(config.out), data(config, folder, false, false, computes) {}
    int batch() const { return config.batch[stage_number - 1]; }
};

void use_cache(TrainConfig& config, Materials& materials) { config.superpixel_cache = materials.fresh("superpixels").string(); }

// Every picture's superpixels are in the cache afterwards.
void fill_cache(const Session& session) {
    Loader loader = session.data.loader(stage_number);
    for (size_t pictures = 0; pictures < session.data.pictures(); pictures += static_cast<size_t>(session.batch())) {
        stop_if_asked();
        loader.next();
    }
}

// Forward, gradients of data and of weights take the same products, less the first layer's data gradient.
double step_flops(const PurNet& net, int batch, int size) {
    const auto all_outputs = [&](const std::vector<Tensor>& in) {
        std::vector<Tensor> outputs;
        const PurNet::Outputs all = net(in[0], {});
        for (const Levels* levels : {&all.z, &all.zp, &all.zo, &all.ze})
            for (const Tensor& t : *levels)
                if (t) outputs.push_back(t);
        return outputs;
    };
    double work = 0;
    for (const Step& step : trace({Tensor::symbolic({batch, size, size, 3}, DType::f32, {})}, all_outputs).steps)
        work += multiply_adds(step);
    return 3 * 2 * work;
}

// Steps of one stage, timed.
class Steps {
public:
    Steps(const Session& session, Materials& materials) : Steps(session, materials.network(session.config.backbone)) {}
    Steps(const Session& session, std::unique_ptr<PurNet> net) : stage_(session.config, stage_number, 1000, std::move(net)) {}

    // Seconds of each of so many; the end of the last one is waited for.
    double run(const BatchSource& next, int times = 1) {
        stop_if_asked();
        const double start = seconds_now();
        for (int i = 0; i < times; ++i)
            require(stage_.step(next, 1, step_++, false).not_finite.empty(), "a step that is timed was not finite");
        require(stage_.settle().empty(), "a step that is timed was not finite");
        return (seconds_now() - start) / times;
    }
    // Why steps are not launched as one, where they could be; empty: they are.
    std::string news() { return stage_.news(); }
    const PurNet& net() { return stage_.net(); }

private:
    Stage stage_;
    int64_t step_ = 0;
};

BatchSource always(const Batch& batch) {
    return [&] { return batch; };
}

}  // namespace

Row time_loader(const RowContext& context, Regions regions) {
    TrainConfig config = context.materials.training("light", context.size);
    config.structural = regions != Regions::none;
    if (regions == Regions::cached) use_cache(config, context.materials);
    const Session session(config);
    if (regions == Regions::cached) fill_cache(session);
    Loader loader = session.data.loader(stage_number);
    loader.next();
    Row row{.name = context.name};
    const double until = seconds_now() + context.seconds;
    while (seconds_now() < until || row.seconds.size() < 5) {
        stop_if_asked();
        const double start = seconds_now();
        loader.next();
        row.seconds.push_back((seconds_now() - start) / session.batch());
    }
    const double rate = 1 / summary_of(row.seconds).median;
    row.figures.push_back({"pictures_per_second", rate, concat(fixed_text(rate, 1), " pictures/s")});
    return row;
}

Row time_training(const RowContext& context, const std::string& net) {
    const Session session(context.materials.training(net, context.size));
    const Batch batch = session.data.loader(stage_number).next();
    Steps steps(session, context.materials);
    steps.run(always(batch));
    Row row{.name = context.name, .seconds = {}, .flops = step_flops(steps.net(), session.batch(), context.size)};
    const double until = seconds_now() + context.seconds;
    while (seconds_now() < until || row.seconds.size() < 3) row.seconds.push_back(steps.run(always(batch)));
    const double rate = session.batch() / summary_of(row.seconds).median;
    row.figures.push_back({"pictures_per_second", rate, concat(fixed_text(rate, 1), " pictures/s")});
    return row;
}

Row time_training_on_device(const RowContext& context, const std::string& net, const std::string& precision, int batch) {
    constexpr int together = 10;
    TrainConfig config = context.materials.training(net, context.size);
    config.precision = precision;
    config.batch = {batch, batch, batch};
    const Session session(config, context.device);
    const Batch pictures = session.data.loader(stage_number).next();
    Row row{.name = context.name, .seconds = {}, .flops = step_flops(*context.materials.network(net), batch, context.size)};
    const DType type = precision == "bf16" ? DType::bf16 : DType::f32;
    Steps steps(session, network_of(load_named_arrays(context.materials.weights(net)), net, context.device, type));
    steps.run(always(pictures), 4);  // the second is recorded
    const double until = seconds_now() + context.seconds;
    while (seconds_now() < until || row.seconds.size() < 3) row.seconds.push_back(steps.run(always(pictures), together));
    const double rate = batch / summary_of(row.seconds).median, peak = 1e-6 * static_cast<double>(memory_use(context.device.type).peak);
    row.figures = {{"pictures_per_second", rate, concat(fixed_text(rate, 1), " pictures/s")},
                   {"peak_mb", peak, concat("peak ", fixed_text(peak, 0), " MB")}};
    add_prediction(row, training_step_work(context.materials, {net, stage_number, context.size, batch, type}), type);
    if (const std::string news = steps.news(); !news.empty()) row.figures.push_back({"kernel_by_kernel", 1, news});
    return row;
}

Row time_training_with_loader(const RowContext& context, const std::string& net) {
    TrainConfig config = context.materials.training(net, context.size);
    use_cache(config, context.materials);
    const Session session(config);
    fill_cache(session);
    const Batch batch = session.data.loader(stage_number).next();
    Loader loader = session.data.loader(stage_number);
    const BatchSource loaded = [&] { return loader.next(); };
    Steps steps(session, context.materials);
    steps.run(always(batch));
    const double step = steps.run(always(batch));
    constexpr int turns = 4;
    const int each = std::max(3, static_cast<int>(std::ceil(context.seconds / turns / step)));
    Row row{.name = context.name, .seconds = {}, .flops = step_flops(steps.net(), session.batch(), context.size)};
    double with_loader = 0, resident = 0, waited = 0;
    for (int turn = 0; turn < turns; ++turn) {
        if (turn == 0 || turn == 3) {
            // The batches that lie ready are of a time when nobody took any: a loader that is too slow must not live on them.
            for (int i = 0; i < LoaderOptions{}.depth; ++i) loader.next();
            steps.run(loaded);
            const double before = loader.seconds_waited();
            for (int i = 0; i < each; ++i) with_loader += row.seconds.emplace_back(steps.run(loaded));
            waited += loader.seconds_waited() - before;
        } else {
            steps.run(always(batch));  // meanwhile the loader's queue gets full, and it rests
            for (int i = 0; i < each; ++i) resident += steps.run(always(batch));
        }
    }
    const double ratio = with_loader / resident, share = waited / with_loader;
    row.figures = {{"ratio", ratio, concat(fixed_text(ratio, 3), " of a resident batch")},
                   {"waited", share, concat("waits ", fixed_text(100 * share, 1), "%")}};
    return row;
}

}  // namespace purnet::bench
