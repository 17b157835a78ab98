#include <cstdio>
#include <functional>

#include "apps/bench/bench.h"
#include "apps/bench/nets_rows.h"
#include "apps/run/console.h"
#include "apps/run/signals.h"
#include "kernels/conv2d/conv2d_bf16.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/parallel.h"

namespace purnet::bench {
namespace {

struct Stopped : Error {
    Stopped() : Error("stopped") {}
};

struct Measurement {
    std::string name;  // without the threads
    int size;
    std::function<Row(const RowContext&)> run;
};

constexpr const char* nets[] = {"light", "resnet50"};

std::vector<Measurement> on_device(const NetsOptions& options) {
    constexpr int training_batch = 8;
    std::vector<Measurement> all;
    for (const int size : options.sizes)
        for (const std::string net : nets)
            for (const std::string precision : {"f32", "bf16"}) {
                for (const int batch : options.batches)
                    all.push_back({concat("inference.", net, ".", precision, ".", size, ".b", batch), size,
                                   [=](const RowContext& c) { return time_inference(c, net, precision, batch); }});
                all.push_back({concat("training.", net, ".", precision, ".", size, ".b", training_batch), size,
                               [=](const RowContext& c) { return time_training_on_device(c, net, precision, training_batch); }});
            }
    return all;
}

// Quick ones first.
std::vector<Measurement> on_cpu(const NetsOptions& options) {
    std::vector<std::string> precisions = {"f32", "int8"};
    if (conv2d::why_no_bf16().empty()) precisions.emplace_back("bf16");
    std::vector<Measurement> all;
    for (const int size : options.sizes) {
        const auto add = [&](std::string name, std::function<Row(const RowContext&)> run) {
            all.push_back({std::move(name), size, std::move(run)});
        };
        for (const std::string net : nets)
            for (const std::string& precision : precisions)
                for (const int batch : options.batches)
                    add(concat("inference.", net, ".", precision, ".", size, ".b", batch),
                        [=](const RowContext& c) { return time_inference(c, net, precision, batch); });
        for (const std::string net : nets) add(concat("start.", net, ".", size), [=](const RowContext& c) { return time_start(c, net); });
        for (const auto& [name, regions] :
             {std::pair("pictures", Regions::none), {"superpixels", Regions::computed}, {"superpixels-cached", Regions::cached}})
            add(concat("loader.", name, ".", size), [=](const RowContext& c) { return time_loader(c, regions); });
        for (const std::string net : nets) {
            add(concat("training.", net, ".resident.", size), [=](const RowContext& c) { return time_training(c, net); });
            add(concat("training.", net, ".loader.", size), [=](const RowContext& c) { return time_training_with_loader(c, net); });
        }
        for (const std::string net : nets) add(concat("folder.", net, ".", size), [=](const RowContext& c) { return time_folder(c, net); });
        for (const std::string net : nets)
            add(concat("folder-memory.", net, ".", size), [=](const RowContext& c) { return time_folder_memory(c, net); });
    }
    return all;
}

}  // namespace

void stop_if_asked() {
    if (stop_requested()) throw Stopped();
}

bool run_nets(const NetsOptions& options) {
    const DeviceChoice choice = choose_device(options.device);
    const bool here = choice.device.on_host();
    std::vector<Measurement> rows = here ? on_cpu(options) : on_device(options);
    std::erase_if(rows, [&](const Measurement& m) { return !m.name.starts_with(options.filter); });
    require_rows(rows.size(), options.filter);
    if (options.list) {
        for (const Measurement& row : rows) std::printf("%s\n", row.name.c_str());
        return true;
    }
    Report report("what.network.(how).side", 44, options.json, options.compare);
    console().quiet = true;  // of training data: what they hold is known
    watch_signals("ending the current run");
    Materials materials;
    const std::vector<int> threads = options.threads.empty() ? std::vector<int>{thread_count()} : options.threads;
    try {
        for (const int count : threads) {
            set_thread_count(count);
            // Ceilings of a device are not measured here: that takes more memory than some of the rows, which say how much was in use at
            // most.
            report.place(here ? concat(name_of(isa()), ", ", count, " threads") : choice.because,
                         here ? ceiling::measure() : ceiling::Ceilings{}, {{"isa", name_of(isa())}, {"threads", count}});
            for (const Measurement& row : rows) {
                const std::string name = options.threads.empty() ? row.name : concat(row.name, ".t", count);
                report.add(row.run({materials, name, options.seconds, row.size, options.photographs, choice.device}));
            }
        }
    } catch (const Error&) {
        if (!stop_requested()) throw;
        return false;
    }
    report.finish(options.filter);
    return true;
}

}  // namespace purnet::bench
