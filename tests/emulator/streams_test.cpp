// Streams, events and graphs of the emulated runtime: what is not ordered is not in order.
#include <doctest/doctest.h>

#include "core/tensor.h"
#include "kernels/add/add.h"
#include "kernels/runtime/branch.h"
#include "kernels/runtime/launch_graph.h"
#include "kernels/runtime/scope.h"
#include "tests/device/place.h"
#include "tests/emulator/device.h"
#include "tests/emulator/engine/monitor.h"
#include "tests/emulator/engine/streams.h"
#include "tests/emulator/engine/timeline.h"
#include "tests/emulator/include/cuda_runtime.h"
#include "tests/support/pictures.h"

namespace purnet::test {
namespace {

using emulator::FaultKind;
using emulator::Schedule;
namespace timeline = emulator::timeline;

struct Order {
    explicit Order(Schedule::Order order) : before(timeline::order()) { timeline::order() = order; }
    ~Order() { timeline::order() = before; }
    Schedule::Order before;
};

Tensor numbers(float value) { return Tensor::from(std::vector<float>(100, value).data(), {100}, DType::f32, place().device); }

void add_into(const Tensor& sum, const Tensor& a, const Tensor& b, const Context& on) {
    const auto text = [] { return std::string("100"); };
    const OpScope scope("addition", text);
    add::table().get(&add::Kernels::forward, "forward", sum.key())(100, a.raw(), b.raw(), sum.raw(), on);
}

enum class Seeded { nothing, join, fork };

// y = x + x beside w = x + 1, then z = y + w. Missing: the join before z, or the fork behind the last copy into x.
struct Forked {
    Tensor one = numbers(1), source = numbers(0), x = numbers(0), y = numbers(0), w = numbers(0), z = numbers(0);
    Replay replay{place().device};

    // How many of `count` results are wrong.
    int wrong(int count, Seeded seeded) {
        int wrong = 0;
        for (int i = 0; i < count; ++i) {
            source.copy_from(numbers(static_cast<float>(i)));
            replay.run([&](const Context& on) {
                Branch branch(on.device);
                const auto beside = [this](const Context& side) { add_into(y, x, x, side); };
                if (seeded == Seeded::fork && branch.parallel()) {
                    // Recorded on the side stream before the copy is on the other.
                    branch.run(beside);
                    x.copy_from(source);
                } else {
                    x.copy_from(source);
                    branch.run(beside);
                }
                add_into(w, x, one, on);
                if (seeded != Seeded::join) branch.join();
                add_into(z, y, w, on);
            });
            wrong += z.to_floats()[7] != static_cast<float>(3 * i + 1);
        }
        return wrong;
    }
};

}  // namespace

TEST_CASE("emulator: branches of a graph give the same in every order") {
    for (const Schedule::Order order : {Schedule::forward, Schedule::reverse, Schedule::shuffled}) {
        const Order as(order);
        Forked forked;
        CHECK(forked.wrong(12, Seeded::nothing) == 0);
        CHECK(forked.replay.as_one());
    }
}

TEST_CASE("emulator: a join or a fork that is missing is a race by name, or a wrong result") {
    for (const Seeded seeded : {Seeded::join, Seeded::fork}) {
        Forked forked;
        int wrong = 0;
        const Caught fault = caught([&] { wrong = forked.wrong(12, seeded); });
        CHECK(fault.any == emulator::monitor::present);
        if (!fault.any) {
            CHECK(wrong > 0);
            CHECK(wrong < 12);
            continue;
        }
        CHECK(fault.kind == FaultKind::race);
        CHECK_MESSAGE(contains(fault.text, "nothing orders these launches"), fault.text);
        CHECK_MESSAGE(contains(fault.text, "add (100 elements)"), fault.text);
        if (seeded == Seeded::fork) CHECK_MESSAGE(contains(fault.text, "copy"), fault.text);
    }
}

TEST_CASE("emulator: a capture whose side stream is not waited for, or that waits for work outside of it, is refused") {
    cudaStream_t main = nullptr, side = nullptr;
    cudaEvent_t event = nullptr, outside = nullptr;
    cudaStreamCreateWithFlags(&main, cudaStreamDefault);
    cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking);
    cudaEventCreate(&event);
    cudaEventCreate(&outside);
    const DeviceArray<float> x(10);
    cudaGraph_t graph = nullptr;
    cudaEventRecord(outside, side);
    CHECK(cudaStreamBeginCapture(main, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(main, outside) == emulator::capture_isolation);
    cudaStreamEndCapture(main, &graph);
    CHECK(cudaStreamBeginCapture(main, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    CHECK(cudaEventRecord(event, main) == cudaSuccess);
    CHECK(cudaStreamWaitEvent(side, event) == cudaSuccess);
    CHECK(cudaMemsetAsync(x.get(), 0, 40, side) == cudaSuccess);
    CHECK(cudaStreamEndCapture(main, &graph) == emulator::capture_unjoined);
    CHECK(graph == nullptr);
    cudaGetLastError();
    // Both are usable again.
    CHECK(cudaStreamBeginCapture(main, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    cudaEventRecord(event, main);
    cudaStreamWaitEvent(side, event);
    cudaMemsetAsync(x.get(), 0, 40, side);
    cudaEventRecord(event, side);
    cudaStreamWaitEvent(main, event);
    CHECK(cudaStreamEndCapture(main, &graph) == cudaSuccess);
    cudaGraphDestroy(graph);
    for (const cudaStream_t stream : {main, side}) CHECK(cudaStreamDestroy(stream) == cudaSuccess);
    for (const cudaEvent_t one : {event, outside}) cudaEventDestroy(one);
}

TEST_CASE("emulator: a copy on a stream of its own overtakes what it does not wait for") {
    cudaStream_t copies = nullptr;
    cudaStreamCreateWithFlags(&copies, cudaStreamNonBlocking);
    cudaEvent_t arrived = nullptr;
    cudaEventCreate(&arrived);
    float* host = nullptr;
    cudaMallocHost(reinterpret_cast<void**>(&host), 80);
    const auto second = [&](bool ordered, Schedule::Order order) {
        const Order as(order);
        const DeviceArray<float> place(10), seen(20);
        for (int i = 0; i < 20; ++i) host[i] = static_cast<float>(i);
        // The first ten are read from `place`, on the default stream; the next ten arrive in the same place.
        cudaMemcpyAsync(place.get(), host, 40, cudaMemcpyDefault, copies);
        cudaEventRecord(arrived, copies);
        cudaStreamWaitEvent(nullptr, arrived);
        cudaMemcpyAsync(seen.get(), place.get(), 40, cudaMemcpyDefault, nullptr);
        if (ordered) {
            cudaEventRecord(arrived, nullptr);
            cudaStreamWaitEvent(copies, arrived);
        }
        cudaMemcpyAsync(place.get(), host + 10, 40, cudaMemcpyDefault, copies);
        cudaDeviceSynchronize();
        return seen[3];
    };
    CHECK(second(true, Schedule::reverse) == 3);
    for (const Schedule::Order order : {Schedule::forward, Schedule::reverse}) {
        float seen = 0;
        const Caught fault = caught([&] { seen = second(false, order); });
        CHECK(fault.any == emulator::monitor::present);
        if (fault.any)
            CHECK_MESSAGE(fault.kind == FaultKind::race, fault.text);
        else
            CHECK(seen == (order == Schedule::forward ? 3 : 13));
    }
    cudaFreeHost(host);
    cudaEventDestroy(arrived);
    cudaStreamDestroy(copies);
}

}  // namespace purnet::test
