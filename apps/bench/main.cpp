// bench: measures op records on this machine, and writes the support table that docs/ops.md holds.
#include <CLI/CLI.hpp>
#include <iostream>

#include "apps/bench/bench.h"
#include "kernels/runtime/error.h"

int main(int argc, char** argv) {
    CLI::App app{
        "Examples:\n  build/bench ops\n  build/bench ops --filter conv2d --seconds 1 --json ops.json\n  build/bench support > "
        "docs/ops.md\n"};
    app.require_subcommand(1);
    purnet::bench::OpsOptions ops;
    CLI::App* run_ops =
        app.add_subcommand("ops", "times every op record's real layers: ms, GFLOP/s, GB/s, share of this machine's ceilings");
    run_ops->add_option("--filter", ops.filter, "only names that begin so: op[.direction[.case]]");
    run_ops->add_option("--device", ops.device, "cpu, cuda or cuda:N")->capture_default_str();
    run_ops->add_option("--precision", ops.precision, "of activations")->capture_default_str()->check(CLI::IsMember({"f32", "bf16"}));
    run_ops->add_option("--seconds", ops.seconds, "time spent on each row")->capture_default_str();
    run_ops->add_option("--json", ops.json, "also write the rows to this file");
    run_ops->add_option("--compare", ops.compare, "a file that --json wrote before: adds the ratio to it");
    run_ops->add_flag("--all", ops.all, "small test cases too");
    CLI::App* run_support = app.add_subcommand("support", "op x device x direction as a Markdown table");
    CLI11_PARSE(app, argc, argv);
    try {
        if (run_ops->parsed()) purnet::bench::run_ops(ops);
        if (run_support->parsed()) std::cout << purnet::bench::support_table();
    } catch (const purnet::Error& error) {
        std::cerr << "bench: error: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
