#include "apps/bench/predicted.h"

#include <cstdio>
#include <map>

#include "apps/bench/bench.h"
#include "apps/bench/convolution_of_case.h"
#include "apps/run/console.h"
#include "apps/run/table.h"
#include "kernels/runtime/arithmetic.h"

namespace purnet::bench {
namespace {

using conv2d::Pass;
using record::Case;
using record::Direction;
using record::OpRecord;

// What the project wants of a device with the H200's rates: docs/gpu.md.
constexpr double goal_of_products = 0.6, goal_of_copies = 0.8;   // shares of the measured product and copy
constexpr double goal_of_training = 15, goal_of_prediction = 1;  // milliseconds of a step of 8, of a map, at 320 x 320 in bf16
constexpr int goal_size = 320, goal_batch = 8;
constexpr double safe_share = 0.75;             // of a goal: what the model leaves out may take a third more
constexpr double most_of_second_cache = 10e12;  // bytes a second: what its slices could pass

// The optimiser's buffers are parameters: float32 beside activations of any type.
DType dtype_of(const std::string& op, DType activations) { return op == "optimiser" ? DType::f32 : activations; }

bool on_cuda(const OpRecord& op, DType dtype) {
    return std::none_of(op.absent.begin(), op.absent.end(), [&](const record::Absent& a) {
        return a.key.device == DeviceType::cuda && a.key.dtype == dtype_of(op.name, dtype);
    });
}

std::string mega(double value) { return fixed_text(1e-6 * value, value < 10e6 ? 2 : 1); }
std::string giga(double value) { return value > 0 ? fixed_text(1e-9 * value, value < 10e9 ? 2 : 1) : "-"; }
std::string part(double microseconds) { return microseconds > 0 ? fixed_text(microseconds, 1) : "-"; }
std::string percent(double share) { return fixed_text(100 * share, 0) + " %"; }

bool by_tensor_cores(const Work& work, DType dtype) {
    using conv2d::implicit::Unit;
    if (!work.convolution) return false;
    const Unit unit = conv2d::implicit::estimate_of(work.convolution->problem, work.convolution->pass, dtype, true).unit;
    return unit == Unit::wgmma || unit == Unit::mma || unit == Unit::runs || unit == Unit::tf32;
}
// Of a bf16 product by wgmma; one in TF32 is half as fast.
double share_of_product(const DeviceModel& device, const Work& work, const Prediction& p, DType dtype) {
    return work.flops / (1e-6 * p.microseconds) / (dtype == DType::bf16 ? device.wgmma : device.wgmma / 2);
}
double share_of_copy(const DeviceModel& device, const Work& work, const Prediction& p) {
    return work.bytes / (1e-6 * p.microseconds) / device.copy;
}

// How many of some rows reach a share, and the least and the most of them.
struct Reached {
    std::string what;
    double goal;
    int rows = 0, reach = 0;
    double least = 1e9, most = 0;

    void add(double share) {
        ++rows;
        reach += share >= goal;
        least = std::min(least, share);
        most = std::max(most, share);
    }
    void print() const {
        if (rows > 0)
            std::printf("goal: %s: %s; predicted %s to %s; reached by %d of %d\n", what.c_str(), percent(goal).c_str(),
                        percent(least).c_str(), percent(most).c_str(), reach, rows);
    }
};

// The convolutions that the goal speaks of.
bool in_goal(const conv2d::Problem& p) {
    return p.groups == 1 && p.stride == 1 && p.kh == 3 && p.kw == 3 && ((p.c == 128 && p.o == 128) || p.dilation > 1);
}

void print_records(const PredictedOptions& options, const DeviceModel& device) {
    const DType dtype = options.precision == "bf16" ? DType::bf16 : DType::f32;
    const AllowTf32 tf32(options.precision == "tf32");
    TextTable table{{"op.direction.case", "MB", "GFLOP", "memory us", "second cache us", "shared memory us", "cores us", "launches us",
                     "predicted us", "limit", "of product", "of copy", "way"},
                    {}};
    Reached products{"3x3 convolutions, 128 to 128 and dilated, of the measured bf16 product", goal_of_products};
    DeviceModel wider = device;
    wider.second_cache = most_of_second_cache;
    Reached wider_products{concat("the same with ", 1e-12 * most_of_second_cache, " TB/s from the second cache"), goal_of_products};
    Reached passes{"passes over memory that take longer than their launches, of the measured copy", goal_of_copies};
    Reached in_a_graph{"the same where launches overlap", goal_of_copies};
    for (const OpRecord& op : record::all())
        for (const Case& c : op.cases())
            for (const Direction& direction : c.directions) {
                if (!c.real_layer || !on_cuda(op, dtype)) continue;
                const bool rebatched = op.name == "conv2d" || op.name == "conv_transpose2d";
                const std::string label = rebatched ? concat("n", options.batch, c.label.substr(c.label.find(' '))) : c.label;
                const std::string name = op.name + "." + direction.name + "." + label;
                if (!name.starts_with(options.filter)) continue;
                const Work work = work_of(op.name, c, direction, dtype, options.batch);
                const Prediction p = predict(device, work, dtype, device.launch);
                const bool product = by_tensor_cores(work, dtype);
                const double of_product = share_of_product(device, work, p, dtype), of_copy = share_of_copy(device, work, p);
                if (product && dtype == DType::bf16 && options.batch == goal_batch && in_goal(work.convolution->problem)) {
                    products.add(of_product);
                    wider_products.add(share_of_product(device, work, predict(wider, work, dtype, device.launch), dtype));
                }
                if (!work.convolution && p.limit == "memory") {
                    passes.add(of_copy);
                    in_a_graph.add(share_of_copy(device, work, predict(device, work, dtype, device.overlapped)));
                }
                table.rows.push_back({name, mega(work.bytes + work.beside), giga(work.flops), part(p.memory), part(p.second_cache),
                                      part(p.shared), part(p.cores), part(p.launches), fixed_text(p.microseconds, 1), p.limit,
                                      product ? percent(of_product) : "-", product ? "-" : percent(of_copy), p.way});
            }
    require_rows(table.rows.size(), options.filter);
    std::printf("%s, %s, convolutions at batch %d, a launch %.0f us\n%s", device.name, options.precision.c_str(), options.batch,
                device.launch, text_of(table).c_str());
    products.print();
    wider_products.print();
    passes.print();
    in_a_graph.print();
}

struct Sum {
    int calls = 0, launches = 0;
    double bytes = 0, flops = 0, microseconds = 0;  // without launches

    void add(const Work& work, const Prediction& p) {
        ++calls;
        launches += work.launches;
        bytes += work.bytes + work.epilogue + work.beside;
        flops += work.flops;
        microseconds += p.microseconds;
    }
};

void print_sums(const std::string& what, const std::map<std::string, Sum>& sums, size_t most) {
    std::vector<std::pair<std::string, Sum>> rows(sums.begin(), sums.end());
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.microseconds > b.second.microseconds; });
    double all = 0;
    for (const auto& [name, sum] : rows) all += sum.microseconds;
    if (rows.size() > most) rows.resize(most);
    TextTable table{{what, "calls", "launches", "MB", "GFLOP", "us without launches", "share"}, {}};
    for (const auto& [name, s] : rows)
        table.rows.push_back({name, std::to_string(s.calls), std::to_string(s.launches), mega(s.bytes), giga(s.flops),
                              fixed_text(s.microseconds, 1), percent(s.microseconds / all)});
    std::printf("%s\n", text_of(table).c_str());
}

// By op, by what limits, and the kernels that take longest.
void print_network(const std::string& what, const std::vector<OpWork>& list, const DeviceModel& device, double goal) {
    std::map<std::string, Sum> by_op, by_limit, by_kernel;
    int launches = 0;
    for (const OpWork& op : list) {
        const Prediction p = predict(device, op.work, DType::bf16, 0);
        const std::string way = p.way.empty() ? "" : "; " + p.way;
        for (Sum* sum : {&by_op[op.name], &by_limit[p.limit], &by_kernel[op.name + " " + op.shape + way]}) sum->add(op.work, p);
        launches += op.work.launches;
    }
    constexpr size_t longest = 15;
    print_sums(what + ", by op", by_op, by_op.size());
    print_sums(what + ", by limit", by_limit, by_limit.size());
    print_sums(concat(what, ", the ", longest, " longest"), by_kernel, longest);
    const double predicted = 1e-3 * summed(list, device, DType::bf16, device.overlapped);
    DeviceModel wider = device;
    wider.second_cache = most_of_second_cache;
    std::printf(
        "%s: %.2f ms with %d launches that overlap (%.0f us each), %.2f ms without (%.0f us); %.2f ms with %.0f TB/s from the "
        "second cache in place of %.1f\n",
        what.c_str(), predicted, launches, device.overlapped, 1e-3 * summed(list, device, DType::bf16, device.launch), device.launch,
        1e-3 * summed(list, wider, DType::bf16, device.overlapped), 1e-12 * wider.second_cache, 1e-12 * device.second_cache);
    if (goal > 0)
        std::printf("goal: %.0f ms; predicted %.2f of it: %s\n", goal, predicted / goal,
                    predicted > goal                ? "missed"
                    : predicted > safe_share * goal ? "open, since what the model leaves out makes it slower"
                                                    : "reached");
    std::printf("\n");
}

// seconds: what it is compared with; 0: nothing.
void add_prediction(Row& row, const DeviceModel& device, double microseconds, const std::string& limit, double seconds) {
    row.figures.push_back({"predicted_ms", 1e-3 * microseconds,
                           concat("predicted ", fixed_text(1e-3 * microseconds, 4), " ms on an ", device.name, " (", limit, ")")});
    if (seconds == 0) return;
    const double ratio = 1e6 * seconds / microseconds;
    row.figures.push_back({"measured_to_predicted", ratio, concat(fixed_text(ratio, 2), " of it")});
}

}  // namespace

// Sums come before what follows from them; a loss's backward is its forward, with the gradient beside it, and the gradient's scale.
int launches_of(const std::string& op, const std::string& direction, const std::string& label) {
    const bool backward = direction.starts_with("backward");
    if (op == "structural") return backward ? 5 : 3;
    if (op == "overlap") return backward ? 3 : 1;
    if (op == "batch_norm") return backward || (direction.starts_with("forward") && label.starts_with("training")) ? 2 : 1;
    if (op == "promotion") return direction == "attention" ? 1 : 2;
    if (op == "softmax") return label.find(" i1 ") == std::string::npos ? 2 : 1;
    if (op == "resize_picture") return 3;  // where both sides change
    return backward && (op == "bce" || op == "error_loss" || op == "binary") ? 2 : 1;
}

double bytes_of(const Direction& direction, DType dtype) {
    // A record counts the bytes of float32.
    if (direction.bytes > 0) return direction.bytes * static_cast<double>(size_of(dtype)) / 4;
    double bytes = 0;
    for (const record::Operand& operand : direction.operands)
        if (operand.role != record::Role::workspace)
            bytes += static_cast<double>(operand.count()) * static_cast<double>(size_of(operand.dtype(dtype)));
    return bytes;
}

Work work_of(const Convolution& c, DType dtype) {
    const auto size = static_cast<double>(size_of(dtype));
    const double weights = static_cast<double>(c.problem.weight_count()) * (c.pass == Pass::backward_weights ? 4 : size);
    return {static_cast<double>(c.problem.x_count() + c.problem.y_count()) * size + weights, c.problem.flops(), 1, 0, 0, c};
}

Work work_of(const std::string& op, const Case& c, const Direction& direction, DType dtype, int batch) {
    std::optional<Convolution> convolution = convolution_of_case(op, direction.name, c.label);
    if (!convolution) {
        return {bytes_of(direction, dtype_of(op, dtype)), direction.flops, launches_of(op, direction.name, c.label)};
    }
    if (batch > 0 && op != "linear") convolution->problem.n = batch;
    Work work = work_of(*convolution, dtype);
    for (const record::Operand& operand : direction.operands)
        if (operand.name == "dbias") {
            // dy of the op: of a transposed one the x of that convolution.
            const conv2d::Problem& p = convolution->problem;
            work.beside = static_cast<double>(op == "conv_transpose2d" ? p.x_count() : p.y_count()) * static_cast<double>(size_of(dtype));
            work.launches = 2;
        }
    return work;
}

void add_prediction(Row& row, const Work& work, DType dtype) {
    const DeviceModel device;
    const Prediction p = predict(device, work, dtype, device.launch);
    add_prediction(row, device, p.microseconds, p.limit, summary_of(row.seconds).best);
}

void add_prediction_of_way(Row& row, const Work& work, DType dtype, double seconds) {
    const DeviceModel device;
    const Prediction p = predict(device, work, dtype, device.launch);
    const std::string took = seconds > 0 ? concat("took ", fixed_text(1e3 * seconds, 4), " ms") : "not measured here";
    add_prediction(row, device, p.microseconds, concat(p.limit, "; ", p.way, "; ", took), seconds);
}

void add_prediction(Row& row, const std::vector<OpWork>& network, DType dtype) {
    const DeviceModel device;
    add_prediction(row, device, summed(network, device, dtype, device.overlapped), "its kernels in a row", summary_of(row.seconds).best);
}

void run_predicted(const PredictedOptions& options) {
    const DeviceModel device;
    if (!options.step) return print_records(options, device);
    console().quiet = true;  // of training data: what they hold is known
    Materials materials;
    for (const int stage : stages_of(materials, options.net))
        print_network(concat("training step, ", options.net, ", stage ", stage, ", batch ", options.batch),
                      training_step_work(materials, {options.net, stage, options.size, options.batch}), device,
                      options.size == goal_size && options.batch == goal_batch ? goal_of_training : 0);
    print_network(concat("level-1 map, ", options.net, ", batch 1"), inference_work(materials, {options.net, 0, options.size, 1}), device,
                  options.size == goal_size ? goal_of_prediction : 0);
}

}  // namespace purnet::bench
