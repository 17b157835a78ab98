#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/bench/bench.h"
#include "kernels/ceiling/ceiling.h"
#include "kernels/record/record.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"

namespace purnet::bench {
namespace {

using namespace record;

struct Row {
    std::string name;
    double best_ms = 0, median_ms = 0, gflops = 0, gbytes = 0;
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Values in (0, 1) fit every operand: a variance, a probability, a weight.
void fill(const Operand& operand, DType type, void* data) {
    uint64_t state = 0x9E3779B97F4A7C15u;
    for (int64_t i = 0; i < operand.count(); ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double unit = static_cast<double>(state >> 40) * 0x1p-24;
        if (type == DType::i32)
            static_cast<int32_t*>(data)[i] = static_cast<int32_t>(unit * static_cast<double>(std::max<int64_t>(operand.limit, 1)));
        else if (type == DType::u8)
            static_cast<uint8_t*>(data)[i] = static_cast<uint8_t>(unit * 255);
        else if (type == DType::bf16)
            static_cast<bf16*>(data)[i] = bf16(static_cast<float>(unit));
        else
            static_cast<float*>(data)[i] = static_cast<float>(unit);
    }
}

// Where rows are timed.
struct Place {
    Device device;
    DType dtype = DType::f32;

    Key key() const { return {device.type, dtype}; }
    // Returns when everything launched so far has ended.
    void wait(const void* on_device) const {
        unsigned char byte;
        if (!device.on_host()) copy_bytes(&byte, Device{}, on_device, device, 1);
    }
};

Row time_direction(const std::string& name, const Direction& direction, const Place& place, double seconds) {
    const Key key = place.key();
    const Context context{place.device, nullptr};
    std::vector<Block> blocks;
    Pointers pointers;
    double bytes = 0;
    for (const Operand& operand : direction.operands) {
        const DType type = operand.dtype(place.dtype);
        const size_t size = static_cast<size_t>(operand.count()) * size_of(type);
        std::vector<unsigned char> host(std::max<size_t>(size, 1));
        fill(operand, type, host.data());
        blocks.emplace_back(place.device, host.size());
        copy_bytes(blocks.back().data(), place.device, host.data(), Device{}, host.size());
        pointers.push_back(blocks.back().data());
        if (operand.role != Role::workspace) bytes += static_cast<double>(size);
    }
    // A record counts the bytes of float32.
    if (direction.bytes > 0) bytes = direction.bytes * static_cast<double>(size_of(place.dtype)) / 4;
    const auto launch = [&](int64_t times) {
        const double start = now();
        for (int64_t i = 0; i < times; ++i) direction.run(key, pointers, context);
        place.wait(pointers.front());
        return (now() - start) / static_cast<double>(times);
    };
    launch(1);
    constexpr double long_enough = 5e-3;
    const int64_t together = place.device.on_host() ? 1 : std::clamp<int64_t>(static_cast<int64_t>(long_enough / launch(3)), 1, 10000);
    std::vector<double> times;
    const double until = now() + seconds;
    do times.push_back(launch(together));
    while (now() < until || times.size() < 3);
    std::sort(times.begin(), times.end());
    Row row{name, times.front() * 1e3, times[times.size() / 2] * 1e3, direction.flops / times.front() * 1e-9, bytes / times.front() * 1e-9};
    return row;
}

// Of a CUDA device only the memory: a copy of 512 MiB, read and written.
ceiling::Ceilings copies_of(const Place& place) {
    constexpr size_t bytes = size_t{512} << 20;
    const Block from(place.device, bytes), to(place.device, bytes);
    fill_bytes(from.data(), place.device, 1, bytes);
    double best = 0;
    for (int i = 0; i < 10; ++i) {
        const double start = now();
        copy_bytes(to.data(), place.device, from.data(), place.device, bytes);
        place.wait(to.data());
        best = std::max(best, 2 * static_cast<double>(bytes) / (now() - start) * 1e-9);
    }
    return {.gflops = 0, .gbytes = best};
}

std::map<std::string, double> earlier(const std::string& path) {
    std::map<std::string, double> rows;
    if (path.empty()) return rows;
    std::ifstream file(path);
    require(file.good(), "cannot read ", path);
    const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
    require(json.is_object() && json.contains("rows"), path, " is no report of bench ops");
    for (const auto& row : json["rows"]) rows[row.value("name", "")] = row.value("best_ms", 0.0);
    return rows;
}

}  // namespace

void run_ops(const OpsOptions& options) {
    const auto before = earlier(options.compare);
    const DeviceChoice choice = choose_device(options.device);
    const Place place{choice.device, options.precision == "bf16" ? DType::bf16 : DType::f32};
    const bool on_cpu = place.device.on_host();
    const std::string where = on_cpu ? concat(name_of(isa()), ", ", thread_count(), " threads") : choice.because;
    const ceiling::Ceilings ceilings = on_cpu ? ceiling::measure() : copies_of(place);
    std::printf("%s, %s; ceilings: ", where.c_str(), std::string(name_of(place.dtype)).c_str());
    if (ceilings.gflops > 0) std::printf("%.0f GFLOP/s, ", ceilings.gflops);
    std::printf("%.1f GB/s\n", ceilings.gbytes);
    std::printf("%-78s %10s %10s %9s %6s %8s %6s\n", "op.direction.case", "best ms", "median", "GFLOP/s", "share", "GB/s", "share");
    nlohmann::json rows = nlohmann::json::array();
    for (const OpRecord& op : all())
        for (const Case& c : op.cases())
            for (const Direction& direction : c.directions) {
                const std::string name = op.name + "." + direction.name + "." + c.label;
                if (!(c.real_layer || options.all) || name.compare(0, options.filter.size(), options.filter) != 0) continue;
                if (!direction.available(place.key())) continue;
                const Row row = time_direction(name, direction, place, options.seconds);
                std::printf("%-78s %10.4f %10.4f %9.1f %6s %8.2f %5.0f%%", row.name.c_str(), row.best_ms, row.median_ms, row.gflops,
                            ceilings.gflops > 0 ? concat(std::lround(100 * row.gflops / ceilings.gflops), "%").c_str() : "", row.gbytes,
                            100 * row.gbytes / ceilings.gbytes);
                if (const auto old = before.find(row.name); old != before.end() && old->second > 0)
                    std::printf("  %.2fx", row.best_ms / old->second);
                std::printf("\n");
                std::fflush(stdout);
                rows.push_back({{"name", row.name},
                                {"best_ms", row.best_ms},
                                {"median_ms", row.median_ms},
                                {"gflops", row.gflops},
                                {"gbytes", row.gbytes}});
            }
    if (!options.json.empty()) {
        std::ofstream file(options.json);
        file << nlohmann::json{{"version", 1},
                               {"isa", name_of(isa())},
                               {"threads", thread_count()},
                               {"device", where},
                               {"precision", name_of(place.dtype)},
                               {"ceilings", {{"gflops", ceilings.gflops}, {"gbytes", ceilings.gbytes}}},
                               {"rows", rows}}
                    .dump(1)
             << '\n';
        require(file.good(), "cannot write ", options.json);
    }
}

}  // namespace purnet::bench
