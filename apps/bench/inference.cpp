// Level-1 inference: alone, as a program from its start, and on folders of photographs.
#include <algorithm>
#include <numeric>

#include "apps/bench/nets_rows.h"
#include "apps/bench/predicted.h"
#include "apps/bench/process.h"
#include "apps/bench/step_work.h"
#include "apps/run/table.h"
#include "apps/salient/contest.h"
#include "apps/salient/predictor.h"
#include "core/plan/graph.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/seconds.h"

namespace purnet::bench {
namespace {

namespace fs = std::filesystem;

double sum_of(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

// The network alone, on one picture that is there already.
class PureInference {
public:
    PureInference(Materials& materials, const std::string& net, int size)
        : predictor_(materials.weights(net), {.size = size}),
          rgb_(static_cast<size_t>(size) * static_cast<size_t>(size) * 3, 128),
          map_(rgb_.size() / 3) {
        run(1);  // plans and packs
    }
    double run(int times) {
        const double start = seconds_now();
        for (int i = 0; i < times; ++i) {
            stop_if_asked();
            predictor_.maps_of_resized(rgb_.data(), 1, map_.data());
        }
        return seconds_now() - start;
    }

private:
    Predictor predictor_;
    std::vector<uint8_t> rgb_;
    std::vector<float> map_;
};

// packed: the folder of packed weights, or off.
ProcessRun predict(const RowContext& context, const std::string& net, const fs::path& input, const fs::path& out,
                   const std::string& packed) {
    stop_if_asked();
    return run_purnet({"predict", "--device", "cpu", "--size", std::to_string(context.size), "--weights",
                       context.materials.weights(net).string(), "--packed", packed, "--out", out.string(), input.string()},
                      context.materials.fresh("log"));
}

Figure ratio_figure(double ratio, const std::string& to) { return {"ratio", ratio, concat(fixed_text(ratio, 3), " of ", to)}; }
Figure peak_figure(double megabytes) { return {"peak_mb", megabytes, concat("peak ", fixed_text(megabytes, 0), " MB")}; }

}  // namespace

Row time_inference(const RowContext& context, const std::string& net, const std::string& precision, int batch) {
    ContestOptions options{.weights = context.materials.weights(net), .data = context.materials.inputs(context.size, batch)};
    options.bf16 = precision == "bf16";
    options.device = context.device;
    if (precision == "int8") options.calibration = context.materials.inputs(context.size, 2) / "input.npy";
    const std::unique_ptr<Contest> contest = make_contest(options);
    for (int i = 0; i < 3; ++i) contest->run();
    Row row{.name = context.name};
    const double until = seconds_now() + context.seconds;
    while (seconds_now() < until || row.seconds.size() < 5) {
        stop_if_asked();
        row.seconds.push_back(1e-3 * contest->run());
    }
    if (context.device.on_host()) {
        for (const StepTime& step : contest->profile(1)) row.flops += 2 * step.multiply_adds;
    } else {
        const std::unique_ptr<PurNet> traced = context.materials.network(net);
        const Tensor image = Tensor::symbolic({batch, context.size, context.size, 3}, DType::f32, {});
        for (const Step& step :
             trace({image}, [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{traced->map(in[0])}; }).steps)
            row.flops += 2 * multiply_adds(step);
    }
    const double rate = batch / summary_of(row.seconds).median;
    row.figures.push_back({"pictures_per_second", rate, concat(fixed_text(rate, 1), " pictures/s")});
    if (!context.device.on_host()) {
        row.figures.push_back(peak_figure(1e-6 * static_cast<double>(memory_use(context.device.type).peak)));
        const DType type = options.bf16 ? DType::bf16 : DType::f32;
        add_prediction(row, inference_work(context.materials, {net, 0, context.size, batch, type}), type);
    }
    return row;
}

Row time_start(const RowContext& context, const std::string& net) {
    const fs::path photograph = context.materials.photographs(1) / "images" / "00000.jpg", mask = context.materials.fresh("mask") += ".png";
    const std::string packed = context.materials.fresh("packed").string();
    std::vector<double> without;
    predict(context, net, photograph, mask, "off");  // brings the files into the page cache
    // Weights that were written just now are not kept packed.
    for (const double until = seconds_now() + 10; seconds_now() < until && (!fs::exists(packed) || fs::is_empty(packed));)
        predict(context, net, photograph, mask, packed);
    Row row{.name = context.name};
    double peak = 0;
    const double until = seconds_now() + context.seconds;
    while (seconds_now() < until || row.seconds.size() < 5) {
        const ProcessRun run = predict(context, net, photograph, mask, packed);
        row.seconds.push_back(run.seconds);
        peak = std::max(peak, run.peak_megabytes);
        without.push_back(predict(context, net, photograph, mask, "off").seconds);
    }
    row.figures = {ratio_figure(summary_of(row.seconds).median / summary_of(without).median, "a start that packs the weights itself"),
                   peak_figure(peak)};
    return row;
}

Row time_folder(const RowContext& context, const std::string& net) {
    const int count = context.photographs;
    const fs::path photographs = context.materials.photographs(count) / "images";
    PureInference pure(context.materials, net, context.size);
    Row row{.name = context.name};
    std::vector<double> alone = {pure.run(count)};
    double peak = 0;
    const double until = seconds_now() + context.seconds;
    while (seconds_now() < until || row.seconds.size() < 2) {
        const ProcessRun run = predict(context, net, photographs, context.materials.fresh("masks"), "off");
        row.seconds.push_back(run.seconds / count);
        peak = std::max(peak, run.peak_megabytes);
        alone.push_back(pure.run(count));
    }
    // Each run stands between two of the other kind; the first and the last of those count half.
    const double beside = sum_of(alone) - (alone.front() + alone.back()) / 2;
    row.figures = {ratio_figure(sum_of(row.seconds) * count / beside, "pure inference"), peak_figure(peak)};
    return row;
}

Row time_folder_memory(const RowContext& context, const std::string& net) {
    constexpr int times = 5;
    const int count = context.photographs;
    const ProcessRun one = predict(context, net, context.materials.photographs(count) / "images", context.materials.fresh("masks"), "off");
    const ProcessRun many = predict(context, net, context.materials.repeated(count, times), context.materials.fresh("masks"), "off");
    Row row{.name = context.name, .seconds = {many.seconds / (times * count)}};
    const double ratio = many.peak_megabytes / one.peak_megabytes;
    row.figures = {peak_figure(many.peak_megabytes), ratio_figure(ratio, concat("that of ", count))};
    return row;
}

}  // namespace purnet::bench
