#include <algorithm>
#include <vector>

#include "apps/bench/bench.h"
#include "apps/bench/device_ceilings.h"
#include "apps/bench/predicted.h"
#include "apps/bench/report.h"
#include "kernels/ceiling/ceiling.h"
#include "kernels/record/record.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/memory.h"
#include "kernels/runtime/parallel.h"
#include "kernels/runtime/seconds.h"

namespace purnet::bench {
namespace {

using namespace record;

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

constexpr double far_beyond_caches = 400e6;  // bytes; second caches hold 40 to 130 MB
constexpr size_t most_sets = 400;            // below a megabyte each, what counts is the launch

Row time_direction(const std::string& name, const Direction& direction, const Place& place, double seconds) {
    const Key key = place.key();
    const Context context{place.device, nullptr};
    std::vector<Block> blocks;
    std::vector<Pointers> sets(1);
    double all_bytes = 0;
    for (const Operand& operand : direction.operands) {
        const DType type = operand.dtype(place.dtype);
        const size_t size = static_cast<size_t>(operand.count()) * size_of(type);
        std::vector<unsigned char> host(std::max<size_t>(size, 1));
        fill(operand, type, host.data());
        blocks.emplace_back(place.device, host.size());
        copy_bytes(blocks.back().data(), place.device, host.data(), Device{}, host.size());
        sets[0].push_back(blocks.back().data());
        all_bytes += static_cast<double>(host.size());
    }
    // On a device launch after launch goes on with the next of several sets of buffers: what one reads is no longer in the second cache.
    const size_t count = place.device.on_host() ? 1 : std::clamp<size_t>(static_cast<size_t>(far_beyond_caches / all_bytes), 1, most_sets);
    const size_t operands = blocks.size();
    while (sets.size() < count) {
        Pointers& set = sets.emplace_back();
        for (size_t i = 0; i < operands; ++i) {
            blocks.emplace_back(place.device, blocks[i].bytes());
            copy_bytes(blocks.back().data(), place.device, blocks[i].data(), place.device, blocks[i].bytes());
            set.push_back(blocks.back().data());
        }
    }
    size_t next = 0;
    const auto launch = [&](int64_t times) {
        const double start = seconds_now();
        for (int64_t i = 0; i < times; ++i) direction.run(key, sets[next++ % count], context);
        place.wait(sets[0].front());
        return (seconds_now() - start) / static_cast<double>(times);
    };
    launch(1);
    constexpr double long_enough = 5e-3;
    const int64_t together = place.device.on_host() ? 1 : std::clamp<int64_t>(static_cast<int64_t>(long_enough / launch(3)), 1, 10000);
    Row row{.name = name, .seconds = {}, .flops = direction.flops, .bytes = bytes_of(direction, place.dtype)};
    const double until = seconds_now() + seconds;
    do row.seconds.push_back(launch(together));
    while (seconds_now() < until || row.seconds.size() < 3);
    return row;
}

}  // namespace

void run_ops(const OpsOptions& options) {
    Report report("op.direction.case", 78, options.json, options.compare);
    const DeviceChoice choice = choose_device(options.device);
    const Place place{choice.device, options.precision == "bf16" ? DType::bf16 : DType::f32};
    const bool on_cpu = place.device.on_host();
    nlohmann::json more = {{"isa", name_of(isa())}, {"threads", thread_count()}, {"precision", name_of(place.dtype)}};
    if (on_cpu) {
        report.place(concat(name_of(isa()), ", ", thread_count(), " threads, ", name_of(place.dtype)), ceiling::measure(), more);
    } else {
        const DeviceCeilings ceilings = measure_device(place.key());
        more["product"] = ceilings.product;
        report.place(concat(choice.because, ", ", name_of(place.dtype), ", ", ceilings.product), ceilings.ceilings, more);
    }
    for (const OpRecord& op : all())
        for (const Case& c : op.cases())
            for (const Direction& direction : c.directions) {
                const std::string name = op.name + "." + direction.name + "." + c.label;
                if (!(c.real_layer || options.all) || !name.starts_with(options.filter)) continue;
                if (!direction.available(place.key())) continue;
                Row row = time_direction(name, direction, place, options.seconds);
                if (!on_cpu) add_prediction(row, work_of(op.name, c, direction, place.dtype), place.dtype);
                report.add(row);
            }
    report.finish(options.filter);
}

}  // namespace purnet::bench
