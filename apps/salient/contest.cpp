#include "apps/salient/contest.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/run/tuned_choices.h"
#include "apps/run/version.h"
#include "apps/salient/calibration.h"
#include "apps/salient/input.h"
#include "apps/salient/predictor.h"
#include "apps/salient/stage.h"
#include "core/formats/atomic_file.h"
#include "core/formats/npy.h"
#include "core/formats/weights_file.h"
#include "core/ops/activation.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/seconds.h"
#include "nets/name_maps.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

double milliseconds_since(double start) { return 1e3 * (seconds_now() - start); }

struct Picture {
    Array bytes;
    int64_t n = 0, h = 0, w = 0;

    explicit Picture(const fs::path& folder) : bytes(read_npy(folder / "input.npy")) {
        require(bytes.dtype == FileDType::u8 && bytes.shape.size() == 4 && bytes.shape[3] == 3, (folder / "input.npy").string(), ": is ",
                describe(bytes), ", wanted uint8 N,H,W,3");
        n = bytes.shape[0], h = bytes.shape[1], w = bytes.shape[2];
    }
    Tensor normalised(const PurNet& net) const { return network_input(net, bytes.bytes.data(), n, h, w); }
};

void make_folder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    require(!error, folder.string(), ": cannot be made: ", error.message());
}

void write_map(const fs::path& file, const Tensor& map) {
    std::vector<int64_t> shape = map.shape().vector();
    if (shape.back() == 1) shape.pop_back();
    write_npy(file, make_array(shape, map.to_floats()));
}

std::unique_ptr<PurNet> net_of(const ContestOptions& options) {
    const PredictorOptions like{.device = options.device, .precision = options.bf16 ? Precision::bf16 : Precision::f32};
    return network_of(load_named_arrays(options.weights), options.weights.string(), options.device, activation_dtype(like));
}

class Level1 : public Contest {
public:
    explicit Level1(const ContestOptions& options)
        : net_(net_of(options)),
          picture_(options.data),
          input_(picture_.normalised(*net_)),
          narrow_(options.bf16 && options.device.on_host()) {
        if (options.calibration.empty()) return;
        const Array pictures = read_npy(options.calibration);
        require(pictures.dtype == FileDType::u8 && pictures.shape.size() == 4 && pictures.shape[0] >= 1 && pictures.shape[3] == 3,
                options.calibration.string(), ": is ", describe(pictures), ", wanted uint8 K,H,W,3");
        ranges_ = calibrate_on(*net_, pictures.bytes.data(), pictures.shape[0], pictures.shape[1], pictures.shape[2]);
    }

    double run() override {
        if (!plan_) make_plan();
        const double start = seconds_now();
        plan_->run(std::vector<const void*>{input_.raw()}, std::vector<void*>{map_.raw()});
        if (!map_.device().on_host()) map_.part(0, {1}).item();  // waits for the device
        return milliseconds_since(start);
    }
    void dump(const fs::path& folder) override {
        make_folder(folder);
        write_map(folder / "map.npy", map_);
    }
    void check(const fs::path& folder) override {
        make_folder(folder);
        bool has_attention = false;
        const auto network = [&](const std::vector<Tensor>& in) {
            PurNet::Run run;
            run.promotion = run.rectification = false;
            run.levels = 1;
            run.attentions = true;
            const PurNet::Outputs outputs = (*net_)(in[0], run);
            std::vector<Tensor> wanted = {ops::sigmoid(outputs.z[0])};
            has_attention = outputs.promotion_attention[0].defined();
            if (has_attention) wanted.push_back(outputs.promotion_attention[0]);
            return wanted;
        };
        Plan both({like()}, network, narrow_forms());
        const std::vector<Tensor> results = both.run(std::vector<Tensor>{input_});
        write_map(folder / "map.npy", results[0]);
        if (has_attention) write_map(folder / "ap.npy", results[1]);
    }

    std::string launched() override { return plan_ ? plan_->launched() : std::string(); }

    std::vector<StepTime> profile(int runs) override {
        if (!plan_) make_plan();
        return plan_->profile({input_}, runs);
    }

private:
    Tensor like() const { return Tensor::symbolic(input_.shape(), input_.dtype(), input_.device()); }
    NarrowForms narrow_forms() const { return {.eight_bit = ranges_ ? &*ranges_ : nullptr, .bf16 = narrow_}; }

    void make_plan() {
        plan_.emplace(
            std::vector<Tensor>{like()}, [this](const std::vector<Tensor>& in) { return std::vector<Tensor>{net_->map(in[0])}; },
            narrow_forms(), [this] { net_->parameters().forget_values(); });
        map_ = Tensor::empty(plan_->output_shape(0), input_.dtype(), input_.device());
    }

    std::unique_ptr<PurNet> net_;
    Picture picture_;
    Tensor input_, map_;
    bool narrow_;  // the plan's convolutions are bf16
    std::optional<Ranges> ranges_;
    std::optional<Plan> plan_;
};

class Training : public Contest {
public:
    explicit Training(const ContestOptions& options) {
        const Picture picture(options.data);
        auto net = net_of(options);
        config_.backbone = name_of(net->config().backbone);
        config_.width = net->config().width;
        batch_.n = static_cast<int>(picture.n);
        batch_.h = static_cast<int>(picture.h);
        batch_.w = static_cast<int>(picture.w);
        batch_.rgb = picture.bytes.bytes;
        batch_.mask = to_float32(read_npy(options.data / "mask.npy"));
        batch_.labels = to_int32(read_npy(options.data / "labels.npy"));
        const size_t pixels = static_cast<size_t>(picture.n * picture.h * picture.w);
        require(batch_.mask.size() == pixels && batch_.labels.size() == pixels, options.data.string(),
                ": mask.npy and labels.npy must have a value for each of ", pixels, " pixels");
        stage_.emplace(config_, 3, 1000, std::move(net));
    }

    double run() override {
        const double start = seconds_now();
        stage_->step(batch_, step_++, false);
        stage_->settle();
        return milliseconds_since(start);
    }
    std::string launched() override {
        if (const std::string news = stage_->news(); !news.empty()) launched_ = news;
        return launched_;
    }
    void dump(const fs::path&) override { fail("a training contest has no map"); }
    std::vector<StepTime> profile(int) override { fail("training runs op by op, not as a plan: --profile is for --task level1"); }
    void check(const fs::path& folder) override {
        make_folder(folder);
        nlohmann::json losses = nlohmann::json::array(), updates;
        std::vector<std::vector<double>> before;
        for (const Parameter& p : stage_->net().parameters().all()) before.push_back(p.value.to_doubles());
        for (int step = 0; step < 2; ++step) {
            nlohmann::json row;
            for (const auto& [name, value] : stage_->step(batch_, step, true).losses) row[name] = value;
            losses.push_back(row);
            if (step > 0) continue;
            size_t i = 0;
            for (const Parameter& p : stage_->net().parameters().all()) {
                const std::vector<double> after = p.value.to_doubles();
                double sum = 0;
                for (size_t k = 0; k < after.size(); ++k) sum += (after[k] - before[i][k]) * (after[k] - before[i][k]);
                if (!p.statistic) updates[p.name] = std::sqrt(sum);
                ++i;
            }
        }
        atomic_write(folder / "train.json", nlohmann::json{{"losses", losses}, {"update_l2", updates}}.dump());
    }

private:
    TrainConfig config_;
    Batch batch_;
    std::optional<Stage> stage_;
    int64_t step_ = 0;
    std::string launched_;
};

void say_json(const nlohmann::json& json) { std::cout << json.dump() << std::endl; }

double peak_megabytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
    return 0;
}

}  // namespace

std::unique_ptr<Contest> make_contest(const ContestOptions& options) {
    if (options.task == "train") return std::make_unique<Training>(options);
    return std::make_unique<Level1>(options);
}

void serve(Contest& contest, int warmup, const std::string& precision) {
    say_json({{"event", "first"}, {"ms", contest.run()}});
    keep_tuned_choices();
    for (int i = 0; i < warmup; ++i) contest.run();
    say_json({{"event", "ready"},
              {"version", program_version()},
              {"precision", precision},
              {"detail", concat(name_of(isa()), ", ", thread_count(), " threads")},
              {"launched", contest.launched()}});
    for (std::string line; std::getline(std::cin, line) && line != "quit";) {
        if (line == "go")
            say_json({{"ms", contest.run()}});
        else if (line == "memory")
            say_json({{"peak_mb", peak_megabytes()}});
        else if (line.starts_with("dump ")) {
            contest.dump(line.substr(5));
            say_json({{"event", "dumped"}});
        } else {
            say_json({{"error", "unknown request: " + line}});
        }
    }
}

}  // namespace purnet
