#include "apps/salient/step_replay.h"

#include <utility>

namespace purnet {
namespace {

size_t rounded(size_t bytes) { return (bytes + HostSlot::alignment - 1) / HostSlot::alignment * HostSlot::alignment; }

Tensor place_for(const Tensor& host, Device device) { return host ? Tensor::empty(host.shape(), host.dtype(), device) : Tensor(); }

}  // namespace

StepReplay::StepReplay(const Optimiser& optimiser, Body body)
    : optimiser_(optimiser),
      body_(std::move(body)),
      device_(optimiser.values().device()),
      reserve_(device_.type),
      ways_{UnderWay(device_), UnderWay(device_)} {}

StepReplay::Kind StepReplay::kind_of(const std::vector<Batch>& batches) {
    Kind kind;
    for (const Batch& batch : batches) kind.push_back({batch.n, batch.h, batch.w, batch.source.side});
    return kind;
}

const StepTensors& StepReplay::run(int64_t step, std::vector<Batch>& batches, const std::vector<BatchTensors>& hosts) {
    const auto [at, fresh] = shapes_.try_emplace(kind_of(batches), Shape{{}, Replay(device_), {}});
    Shape& shape = at->second;
    if (fresh) {
        MemoryScope scope("staged batches");
        for (const BatchTensors& host : hosts)
            shape.batches.push_back({place_for(host.rgb, device_), place_for(host.mask, device_), place_for(host.labels, device_),
                                     place_for(host.changes, device_), host.h, host.w});
    }
    UnderWay& way = ways_[next_];
    judge(way);
    std::vector<std::pair<const Tensor&, const Tensor&>> pairs;
    for (size_t i = 0; i < hosts.size(); ++i) {
        pairs.emplace_back(shape.batches[i].rgb, hosts[i].rgb);
        pairs.emplace_back(shape.batches[i].mask, hosts[i].mask);
        pairs.emplace_back(shape.batches[i].labels, hosts[i].labels);
        pairs.emplace_back(shape.batches[i].changes, hosts[i].changes);
    }
    size_t bytes = 2 * HostSlot::alignment + rounded(optimiser_.groups().size() * sizeof(double));
    for (const auto& [to, from] : pairs) bytes += from ? rounded(from.bytes()) : 0;
    way.slot.begin(bytes);
    const auto put = [&way](const Tensor& to, const void* from) { way.slot.send(to.raw(), from, to.bytes()); };
    for (const auto& [to, from] : pairs)
        if (from) put(to, from.raw());
    optimiser_.tell(step, put);
    way.slot.deliver();
    shape.replay.run([&](const Context&) {
        const MemoryReserve::Use use(reserve_);
        shape.result = {};  // its memory is that of the result to come
        shape.result = body_(shape.batches);
    });
    way.made = static_cast<const int32_t*>(way.slot.fetch(optimiser_.proceed().raw(), sizeof(int32_t)));
    way.slot.end();
    way.step = Verdict{step, false, std::move(batches)};
    next_ = (next_ + 1) % ways_.size();
    last_ = &shape;
    return shape.result;
}

void StepReplay::judge(UnderWay& way) {
    way.slot.wait();
    if (!way.step) return;
    way.step->made = *way.made != 0;
    known_.push_back(std::move(*way.step));
    way.step.reset();
}

void StepReplay::wait() {
    for (size_t i = 0; i < ways_.size(); ++i) judge(ways_[(next_ + i) % ways_.size()]);
}

}  // namespace purnet
