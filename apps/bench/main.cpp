// bench: measures op records and whole networks on this machine.
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/bench/bench.h"
#include "apps/run/signals.h"
#include "kernels/runtime/error.h"

namespace {

using namespace purnet::bench;

constexpr int wrong_usage = 2;

void add_report(CLI::App& command, std::string& filter, std::string& json, std::string& compare) {
    command.add_option("--filter", filter, "only names that begin so");
    command.add_option("--json", json, "also write the rows to this file");
    command.add_option("--compare", compare, "a file that --json wrote before: adds the ratio to its best times");
}

void add_common(CLI::App& command, std::string& filter, double& seconds, std::string& json, std::string& compare) {
    add_report(command, filter, json, compare);
    command.add_option("--seconds", seconds, "time spent on each row")->capture_default_str()->check(CLI::Range(0.0, 86400.0));
}

void add_ops(CLI::App& command, OpsOptions& ops) {
    add_common(command, ops.filter, ops.seconds, ops.json, ops.compare);
    command.add_option("--device", ops.device, "cpu, cuda or cuda:N")->capture_default_str();
    command.add_option("--precision", ops.precision, "of activations")->capture_default_str()->check(CLI::IsMember({"f32", "bf16"}));
    command.add_flag("--all", ops.all, "small test cases too");
}

void add_ways(CLI::App& command, WaysOptions& ways) {
    add_report(command, ways.filter, ways.json, ways.compare);
    command.add_option("--device", ways.device, "cuda or cuda:N")->capture_default_str();
    command.add_option("--precision", ways.precision, "of activations; tf32: float32, products in TF32")
        ->capture_default_str()
        ->check(CLI::IsMember({"f32", "tf32", "bf16"}));
    command.add_option("--batch", ways.batch, "pictures at once")->capture_default_str()->check(CLI::Range(1, 256));
}

void add_predicted(CLI::App& command, PredictedOptions& predicted) {
    CLI::Option* const filter = command.add_option("--filter", predicted.filter, "only names that begin so");
    CLI::Option* const precision =
        command.add_option("--precision", predicted.precision, "of activations; tf32: float32, products in TF32")
            ->capture_default_str()
            ->check(CLI::IsMember({"f32", "tf32", "bf16"}));
    command.add_option("--batch", predicted.batch, "pictures at once, of convolutions and of training steps")
        ->capture_default_str()
        ->check(CLI::Range(1, 256));
    CLI::Option* const step = command.add_flag("--step", predicted.step, "sums of training steps and of level-1 inference, all in bf16")
                                  ->excludes(filter)
                                  ->excludes(precision);
    command.add_option("--net", predicted.net, "of --step")
        ->capture_default_str()
        ->check(CLI::IsMember({"resnet50", "light"}))
        ->needs(step);
    command.add_option("--size", predicted.size, "of --step: side of the network's input")
        ->capture_default_str()
        ->check(CLI::Range(32, 1024))
        ->needs(step);
}

void add_nets(CLI::App& command, NetsOptions& nets) {
    add_common(command, nets.filter, nets.seconds, nets.json, nets.compare);
    const auto list = [&](const char* name, std::vector<int>& values, int low, int high, const char* text) {
        command.add_option(name, values, text)->delimiter(',')->check(CLI::Range(low, high))->capture_default_str();
    };
    list("--threads", nets.threads, 1, 1024, "threads, a row for each; default: PURNET_THREADS, else all cores");
    list("--sizes", nets.sizes, 32, 4096, "sides of the network's input, a row for each");
    list("--batches", nets.batches, 1, 64, "pictures at once, inference.* for each");
    command.add_option("--device", nets.device, "cpu, cuda or cuda:N; there inference and training steps alone")->capture_default_str();
    command.add_option("--photographs", nets.photographs, "in the folder that folder.* predict")
        ->capture_default_str()
        ->check(CLI::Range(1, 100000));
    command.add_flag("--list", nets.list, "name the rows, and measure nothing");
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{
        "Examples:\n"
        "  build/bench ops\n"
        "  build/bench ops --filter conv2d --seconds 1 --json ops.json\n"
        "  build/bench ways --device cuda --precision bf16\n"
        "  build/bench predicted --filter conv2d.forward\n"
        "  build/bench predicted --step\n"
        "  build/bench nets --json before.json\n"
        "  build/bench nets --filter inference.light --compare before.json\n"
        "  build/bench nets --filter inference --threads 1,2 --sizes 160,320,640 --batches 1,4\n"
        "  build/bench nets --filter folder.light --photographs 50\n"
        "  build/bench nets --device cuda --filter training.resnet50.bf16\n"};
    app.require_subcommand(1);
    OpsOptions ops;
    CLI::App* const ops_command =
        app.add_subcommand("ops", "times every op record's real layers: ms, GFLOP/s, GB/s, share of this machine's ceilings");
    add_ops(*ops_command, ops);
    NetsOptions nets;
    CLI::App* const nets_command = app.add_subcommand(
        "nets", "times whole networks: inference, training step; on the CPU start of the program, loader, folders of photographs too");
    add_nets(*nets_command, nets);
    WaysOptions ways;
    CLI::App* const ways_command = app.add_subcommand(
        "ways",
        "on a CUDA device: our own kernels of every convolution of the networks against cuBLASLt and cuDNN, where they are installed");
    add_ways(*ways_command, ways);
    PredictedOptions predicted;
    CLI::App* const predicted_command =
        app.add_subcommand("predicted", "what they should take on an H200, by bytes, operations, waves and launches; needs no device");
    add_predicted(*predicted_command, predicted);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : wrong_usage;
    }
    try {
        if (ops_command->parsed()) run_ops(ops);
        if (ways_command->parsed()) run_ways(ways);
        if (predicted_command->parsed()) run_predicted(predicted);
        if (nets_command->parsed() && !run_nets(nets)) return purnet::stop_exit_code();
    } catch (const purnet::Error& error) {
        std::cerr << "bench: error: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
