#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/purnet/command.h"
#include "apps/purnet/tuning.h"
#include "apps/run/computing_device.h"
#include "apps/run/table.h"
#include "apps/run/version.h"
#include "apps/salient/contest.h"
#include "kernels/conv2d/conv2d_bf16.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/parallel.h"

namespace purnet::app {
namespace {

struct Settings {
    ContestOptions contest;
    std::string weights, data, check, calibration, precision = "f32";
    int runs = 10;
    bool serve = false, profile = false;
    Tuning tuning;
};

// Every step, then how much each way of computing takes in all.
void print_profile(const std::vector<StepTime>& steps) {
    struct Sum {
        int count = 0;
        double milliseconds = 0, multiply_adds = 0;
    };
    std::map<std::string, Sum> sums;
    Sum all;
    const auto row = [&](std::string name, std::string what, const Sum& sum) {
        const double rate = sum.multiply_adds > 0 ? 2e-6 * sum.multiply_adds / sum.milliseconds : std::nan("");
        return std::vector<std::string>{std::move(name), std::move(what), fixed_text(sum.milliseconds, 3), fixed_text(rate, 1),
                                        fixed_text(100 * sum.milliseconds / all.milliseconds, 1)};
    };
    for (const StepTime& step : steps)
        for (Sum* sum :
             {&all, &sums[step.detail.empty() ? step.name : concat(step.name.substr(0, step.name.find('+')), ", ", step.detail)]}) {
            ++sum->count;
            sum->milliseconds += step.milliseconds;
            sum->multiply_adds += step.multiply_adds;
        }
    TextTable table{.head = {"step", "shapes", "ms", "GFLOP/s", "%"}, .rows = {}};
    for (const StepTime& step : steps)
        table.rows.push_back(row(step.detail.empty() ? step.name : concat(step.name, ", ", step.detail), step.shapes,
                                 {1, step.milliseconds, step.multiply_adds}));
    TextTable kinds{.head = {"all of a kind", "steps", "ms", "GFLOP/s", "%"}, .rows = {}};
    for (const auto& [kind, sum] : sums) kinds.rows.push_back(row(kind, concat(sum.count), sum));
    kinds.rows.push_back(row("all", concat(all.count), all));
    std::printf("%s\n%s", text_of(table).c_str(), text_of(kinds).c_str());
}

int bench(const Settings& s) {
    ContestOptions options = s.contest;
    options.weights = s.weights;
    options.data = s.data;
    const auto absent = [](const std::string& reason) {
        std::cout << nlohmann::json{{"event", "absent"}, {"reason", reason}}.dump() << std::endl;
        return all_fine;
    };
    options.device = computing_device();
    const bool on_cpu = options.device.type == DeviceType::cpu;
    if (s.precision == "tf32" && on_cpu) return absent("tf32 is for CUDA devices");
    const AllowTf32 tf32(s.precision == "tf32");
    if (s.precision == "bf16") {
        if (on_cpu && options.task == "train") return absent("the CPU does not train in bf16");
        if (const std::string reason = on_cpu ? conv2d::why_no_bf16() : ""; !reason.empty()) return absent(reason);
        options.bf16 = true;
    }
    if (s.precision == "int8") {
        if (!on_cpu) return absent("8 bits are for the CPU");
        if (options.task == "train") return absent("8 bits are for inference");
        if (s.calibration.empty()) return absent("needs pictures to calibrate with (--calibration)");
        options.calibration = s.calibration;
    }
    const std::optional<TunedChoices> tuned = s.tuning.choices();
    const std::unique_ptr<Contest> contest = make_contest(options);
    if (!s.check.empty()) {
        contest->check(s.check);
        std::cout << nlohmann::json{{"event", "checked"},
                                    {"version", program_version()},
                                    {"precision", s.precision},
                                    {"detail", concat(name_of(isa()), ", ", thread_count(), " threads")}}
                         .dump()
                  << std::endl;
        return all_fine;
    }
    if (s.serve) {
        serve(*contest, options.warmup, s.precision);
        return all_fine;
    }
    if (s.profile) {
        print_profile(contest->profile(s.runs));
        return all_fine;
    }
    std::vector<double> times;
    const double first = contest->run();
    keep_tuned_choices();
    for (int i = 0; i < options.warmup; ++i) contest->run();
    for (int i = 0; i < s.runs; ++i) times.push_back(contest->run());
    std::sort(times.begin(), times.end());
    const std::string launched = contest->launched();
    std::printf("%s: first %.1f ms, then min %.1f, median %.1f, max %.1f ms of %zu runs (%s, %d threads)%s%s\n", options.task.c_str(),
                first, times.front(), times[times.size() / 2], times.back(), times.size(), name_of(isa()), thread_count(),
                launched.empty() ? "" : "; ", launched.c_str());
    return all_fine;
}

}  // namespace

Run add_bench(Options& options) {
    auto s = std::make_shared<Settings>();
    options.example("purnet bench --weights w.safetensors --data DIR", "times the level-1 map of DIR/input.npy (uint8 N,H,W,3)");
    options.example("purnet bench --task train --weights w.safetensors --data DIR",
                    "times a training step of stage 3 on DIR/input.npy, mask.npy, labels.npy");
    options.group("Task");
    options.value("--task", s->contest.task, "NAME", "level1 or train")->check(one_of({"level1", "train"}));
    options.value("--weights", s->weights, "FILE", "weights to run")->required();
    options.value("--data", s->data, "DIR", "folder of the .npy files")->required();
    options
        .value("--precision", s->precision, "NAME",
               "f32; bf16 on CUDA devices, and on CPUs that have it; on CUDA devices also tf32, on the CPU int8 with --calibration")
        ->check(one_of({"f32", "tf32", "bf16", "int8"}));
    options.value("--calibration", s->calibration, "FILE", "uint8 K,H,W,3 .npy: pictures on which int8 measures its ranges");
    s->tuning.add_to(options);
    options.group("Measuring");
    options.value("--warmup", s->contest.warmup, "N", "runs before those that count")->check(in_range(0, 1000));
    options.value("--runs", s->runs, "N", "runs that count")->check(in_range(1, 100000));
    options.flag("--profile", s->profile, "level1 on the CPU: the least time of every step, GFLOP/s of direct convolution");
    options.flag("--serve", s->serve, "speak the protocol of frameworks/README.md on stdin and stdout");
    options.value("--check", s->check, "DIR", "write the results that frameworks/compare.py checks, and end");
    return [s] { return bench(*s); };
}

}  // namespace purnet::app
