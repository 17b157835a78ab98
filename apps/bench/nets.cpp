#include <cstdio>
#include <functional>
#include <map>

#include "apps/bench/bench.h"
#include "apps/bench/nets_rows.h"
#include "apps/run/console.h"
#include "apps/run/signals.h"
#include "kernels/conv2d/conv2d_bf16.h"
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

// Quick ones first.
std::vector<Measurement> measurements(const NetsOptions& options) {
    static const char* const nets[] = {"light", "resnet50"};
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
    std::erase_if(all, [&](const Measurement& m) { return !m.name.starts_with(options.filter); });
    return all;
}

}  // namespace

void stop_if_asked() {
    if (stop_requested()) throw Stopped();
}

bool run_nets(const NetsOptions& options) {
    const std::vector<Measurement> rows = measurements(options);
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
            report.place(concat(name_of(isa()), ", ", count, " threads"), ceiling::measure(),
                         {{"isa", name_of(isa())}, {"threads", count}});
            for (const Measurement& row : rows) {
                const std::string name = options.threads.empty() ? row.name : concat(row.name, ".t", count);
                report.add(row.run({materials, name, options.seconds, row.size, options.photographs}));
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
