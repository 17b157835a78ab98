#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/bench/bench.h"
#include "kernels/ceiling/ceiling.h"
#include "kernels/record/record.h"
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

size_t operand_bytes(const Operand& operand) {
    const size_t element = operand.role == Role::workspace || operand.kind == Kind::uint8 ? 1 : 4;
    return static_cast<size_t>(operand.count()) * element;
}

// Values in (0, 1) fit every operand: a variance, a probability, a weight.
void fill(const Operand& operand, void* data) {
    uint64_t state = 0x9E3779B97F4A7C15u;
    for (int64_t i = 0; i < operand.count(); ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double unit = static_cast<double>(state >> 40) * 0x1p-24;
        if (operand.kind == Kind::int32)
            static_cast<int32_t*>(data)[i] = static_cast<int32_t>(unit * static_cast<double>(std::max<int64_t>(operand.limit, 1)));
        else if (operand.kind == Kind::uint8 || operand.role == Role::workspace)
            static_cast<uint8_t*>(data)[i] = static_cast<uint8_t>(unit * 255);
        else
            static_cast<float*>(data)[i] = static_cast<float>(unit);
    }
}

Row time_direction(const std::string& name, const Direction& direction, double seconds) {
    constexpr Key key{DeviceType::cpu, DType::f32};
    std::vector<Block> blocks;
    Pointers pointers;
    double bytes = 0;
    for (const Operand& operand : direction.operands) {
        blocks.emplace_back(Device{}, std::max<size_t>(operand_bytes(operand), 1));
        fill(operand, blocks.back().data());
        pointers.push_back(blocks.back().data());
        if (operand.role != Role::workspace) bytes += static_cast<double>(operand_bytes(operand));
    }
    if (direction.bytes > 0) bytes = direction.bytes;
    std::vector<double> times;
    const double until = now() + seconds;
    do {
        const double start = now();
        direction.run(key, pointers, Context{});
        times.push_back(now() - start);
    } while (now() < until || times.size() < 3);
    std::sort(times.begin(), times.end());
    Row row{name, times.front() * 1e3, times[times.size() / 2] * 1e3, direction.flops / times.front() * 1e-9, bytes / times.front() * 1e-9};
    return row;
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
    const ceiling::Ceilings ceilings = ceiling::measure();
    std::printf("%s, %d threads; ceilings: %.0f GFLOP/s, %.1f GB/s\n", name_of(isa()), thread_count(), ceilings.gflops, ceilings.gbytes);
    std::printf("%-78s %10s %10s %9s %6s %8s %6s\n", "op.direction.case", "best ms", "median", "GFLOP/s", "share", "GB/s", "share");
    nlohmann::json rows = nlohmann::json::array();
    for (const OpRecord& op : all())
        for (const Case& c : op.cases())
            for (const Direction& direction : c.directions) {
                const std::string name = op.name + "." + direction.name + "." + c.label;
                if (!(c.real_layer || options.all) || name.compare(0, options.filter.size(), options.filter) != 0) continue;
                if (!direction.available({DeviceType::cpu, DType::f32})) continue;
                const Row row = time_direction(name, direction, options.seconds);
                std::printf("%-78s %10.4f %10.4f %9.1f %5.0f%% %8.2f %5.0f%%", row.name.c_str(), row.best_ms, row.median_ms, row.gflops,
                            100 * row.gflops / ceilings.gflops, row.gbytes, 100 * row.gbytes / ceilings.gbytes);
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
                               {"ceilings", {{"gflops", ceilings.gflops}, {"gbytes", ceilings.gbytes}}},
                               {"rows", rows}}
                    .dump(1)
             << '\n';
        require(file.good(), "cannot write ", options.json);
    }
}

}  // namespace purnet::bench
