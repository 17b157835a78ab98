// Whole training steps of a narrow PurNet on the device (an emulated one, or real) against the same steps on the CPU and in float64:
// batch 2 of 48x64 pixels, all stages of both recipes; losses, every gradient, running statistics and what the update changed. No
// kernel of a step is missing on the device, and none that follows another reads what that one did not write.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <string>

#include "core/optim/optimiser.h"
#include "core/random/philox.h"
#include "nets/init.h"
#include "nets/purnet.h"
#include "nets/purnet_groups.h"
#include "tests/device/place.h"

namespace purnet::test {
namespace {

constexpr int64_t images = 2, height = 48, width = 64;
// With this seed no activation of the network lies so near a kink that rounding takes it across: one flipped element of a ReLU6
// moves every gradient behind it by a hundredth, which no bound could tell from a defect.
constexpr uint64_t seed = 16;

PurNetConfig narrow_config(int stage) {
    PurNetConfig config;
    config.backbone = Backbone::light;
    config.width = 8;
    config.normalisation = default_normalisation(Backbone::light);
    config.size = 64;
    config.stage1 = stage == 1;
    return config;
}

// Coloured noise, a disc of soft rim in each picture, squares of 8x8 pixels as superpixels.
struct Scene {
    std::vector<float> image, mask;
    std::vector<int32_t> labels;

    Scene() {
        const RandomStream noise(3, "scene");
        for (int64_t n = 0; n < images; ++n)
            for (int64_t y = 0; y < height; ++y)
                for (int64_t x = 0; x < width; ++x) {
                    const double from_centre = std::hypot(static_cast<double>(x - 20 - 18 * n), static_cast<double>(y - 22));
                    const double inside = std::clamp((15 - from_centre) / 3 + 0.5, 0.0, 1.0);
                    for (int64_t c = 0; c < 3; ++c)
                        image.push_back(static_cast<float>(inside) + 2 * noise.uniform(0, static_cast<uint64_t>(image.size())) - 1);
                    mask.push_back(static_cast<float>(inside));
                    labels.push_back(static_cast<int32_t>(y / 8 * (width / 8) + x / 8));
                }
    }
};

class Training {
public:
    Training(int stage, Recipe recipe, Device device, DType dtype)
        : stage_(stage),
          recipe_(recipe),
          net_(narrow_config(stage), device, dtype),
          optimiser_((initialise(net_.parameters(), seed), purnet_groups(net_.parameters(), recipe, stage, 1000))) {
        const Scene scene;
        image_ = Tensor::from(scene.image.data(), {images, height, width, 3}, dtype, device);
        mask_ = Tensor::from(scene.mask.data(), {images, height, width, 1}, dtype, device);
        labels_ = Tensor::from(scene.labels.data(), {images, height, width}, device);
    }

    void step() {
        const Parts fixed = fixed_parts(recipe_, stage_);
        Tape tape;
        Losses losses;
        {
            Recording on(tape);
            const PurNet::Outputs out = net_(image_, {.mode = Mode::training, .fixed = fixed, .main = !fixed.has(Part::main)});
            losses = purificatory_losses({out.z, out.zp, out.zo, out.ze, mask_, labels_}, {.recipe = recipe_, .stage = stage_});
        }
        for (const LossTerm& term : losses.terms)
            for (const Tensor& level : term.levels) losses_.push_back(level.item());
        optimiser_.clear_gradients();
        tape.backward(losses.tape_roots());
        optimiser_.complete_gradients();
        optimiser_.step(0);
    }

    const std::vector<double>& losses() const { return losses_; }
    bool proceeded() const { return optimiser_.proceeded(); }
    const std::deque<Parameter>& parameters() const { return net_.parameters().all(); }

private:
    int stage_;
    Recipe recipe_;
    PurNet net_;
    Sgd optimiser_;
    Tensor image_, mask_, labels_;
    std::vector<double> losses_;
};

double norm(const std::vector<double>& values) {
    double square = 0;
    for (const double v : values) square += v * v;
    return std::sqrt(square);
}

// l2 of the difference; infinite where a NaN or another size is met.
double distance(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
    double square = 0;
    for (size_t i = 0; i < a.size(); ++i) square += (a[i] - b[i]) * (a[i] - b[i]);
    return std::isnan(square) ? std::numeric_limits<double>::infinity() : std::sqrt(square);
}

// On the reference device: what every op writes is rounded to bf16, as its bf16 twin would. Of several such peers all but the first move
// each value by up to a bf16's half step before: other roundings, no better and no worse.
class RoundingToBf16 : public OpObserver {
public:
    explicit RoundingToBf16(size_t peer) : moved_(peer > 0), moves_(peer, "roundings") { set_op_observer(this); }
    ~RoundingToBf16() { set_op_observer(nullptr); }
    RoundingToBf16(const RoundingToBf16&) = delete;
    RoundingToBf16& operator=(const RoundingToBf16&) = delete;

    std::vector<Tensor> observe(OpCall&& call) override {
        set_op_observer(nullptr);
        const std::vector<Tensor> outputs = apply(std::move(call));
        set_op_observer(this);
        for (const Tensor& output : outputs)
            if (output.dtype() == DType::f64 && output.count() > 1)  // losses stay as they are
                for (int64_t i = 0; i < output.count(); ++i) {
                    double& value = output.data<double>()[i];
                    if (moved_) value *= 1 + (moves_.uniform(0, values_++) - 0.5) * 0x1p-8;
                    value = static_cast<float>(bf16(static_cast<float>(value)));
                }
        return outputs;
    }

private:
    bool moved_;
    RandomStream moves_;
    uint64_t values_ = 0;
};

// Steps are compared with the step in float64, beside peers that round alike: in float32 the CPU's, for bf16 float64 steps with rounded
// activations, several, since one may be right by luck where others are not. A gradient of the device may be `share` of it off (`single`:
// of one that is a single number, a PReLU's slope), or `times` what the peers are in the root mean square, or `zero` of the largest one,
// which is what those that are zero but for rounding come to where a sum cancels (what a batch norm follows); half of them at most
// `median` times as far as the peers.
struct Bounds {
    size_t peers;
    double loss, median, share, single, times, zero;
};
constexpr Bounds float32_bounds{1, 1e-5, 5, 1e-2, 1e-1, 10, 0};
// A network of random weights with batch norms over a few values each makes of bf16's .002 a tenth to all of most gradients; the device
// does no worse than rounding must, and where that leaves a gradient intact (a fifth to two thirds of them), it is right.
constexpr Bounds bf16_bounds{4, 1e-1, 1.5, 1.5e-1, 5e-1, 3, 0x1p-7};

double median(std::vector<double> values) {
    REQUIRE(!values.empty());
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

class Errors {
public:
    void add(const std::string& name, const std::vector<double>& exact, const std::vector<std::vector<double>>& peers,
             const std::vector<double>& got) {
        std::vector<double> distances;
        for (const std::vector<double>& peer : peers) distances.push_back(distance(peer, exact));
        all_.push_back(
            {name, norm(exact), norm(distances) / std::sqrt(static_cast<double>(peers.size())), distance(got, exact), exact.size() == 1});
    }
    // Checks each and half of them, and says it.
    std::string check(const std::string& what, const Bounds& bounds) const {
        double largest = 0, worst = 0;
        for (const One& one : all_) largest = std::max(largest, one.size);
        std::vector<double> relative, of_peer;
        const std::string* where = nullptr;
        for (const One& one : all_) {
            const double bound =
                std::max({bounds.times * one.peer, one.size * (one.single ? bounds.single : bounds.share), bounds.zero * largest});
            CHECK_MESSAGE(one.error <= bound,
                          what << " of " << one.name << " is off by " << one.error << ", peers by " << one.peer << ", of " << one.size);
            if (one.error > worst * bound) worst = one.error / bound, where = &one.name;
            if (one.size <= bounds.zero * largest || one.size == 0) continue;
            relative.push_back(one.error / one.size);
            of_peer.push_back(one.peer / one.size);
        }
        const double half = median(relative), half_of_peer = median(of_peer);
        CHECK(half <= bounds.median * half_of_peer);
        return concat(all_.size(), " ", what, "s: median ", half, ", the peers' ", half_of_peer, ", worst over its bound ", worst, " (",
                      where ? *where : "", ")");
    }
    int64_t count() const { return static_cast<int64_t>(all_.size()); }
    // How many the peers' rounding leaves intact.
    int64_t intact() const {
        return std::count_if(all_.begin(), all_.end(), [](const One& one) { return one.size > 0 && one.peer < 0.25 * one.size; });
    }

private:
    struct One {
        std::string name;
        double size, peer, error;
        bool single;
    };
    std::vector<One> all_;
};

constexpr Device exactly{DeviceType::reference, 0}, on_cpu{DeviceType::cpu, 0};

std::deque<Training> stepped_peers(int stage, Recipe recipe, DType dtype, size_t count) {
    std::deque<Training> peers;
    for (size_t i = 0; i < count; ++i) {
        if (dtype == DType::f32) {
            peers.emplace_back(stage, recipe, on_cpu, DType::f32).step();
        } else {
            peers.emplace_back(stage, recipe, exactly, DType::f64);
            const RoundingToBf16 rounding(i);
            peers.back().step();
        }
    }
    return peers;
}

void check_step(int stage, Recipe recipe, DType dtype) {
    const Bounds& bounds = dtype == DType::f32 ? float32_bounds : bf16_bounds;
    const Device device = place().device;
    Training exact(stage, recipe, exactly, DType::f64);
    Training cuda(stage, recipe, device, dtype);
    const Training before(stage, recipe, exactly, DType::f64);
    exact.step();
    const std::deque<Training> peers = stepped_peers(stage, recipe, dtype, bounds.peers);
    cuda.step();
    CHECK(cuda.proceeded());
    REQUIRE(cuda.losses().size() == exact.losses().size());
    double worst_loss = 0;
    for (size_t i = 0; i < exact.losses().size(); ++i) {
        const double off = std::abs(cuda.losses()[i] - exact.losses()[i]) / std::abs(exact.losses()[i]);
        CHECK(off <= bounds.loss);
        worst_loss = std::max(worst_loss, off);
    }
    Errors gradients, updates, statistics;
    for (size_t i = 0; i < exact.parameters().size(); ++i) {
        const Parameter &e = exact.parameters()[i], &g = cuda.parameters()[i];
        REQUIRE(g.has_grad == e.has_grad);
        // What the step changed: a value that stayed as it was is wrong by the whole of it.
        const std::vector<double> start = before.parameters()[i].value.to_doubles();
        const auto change = [&](const Parameter& parameter) {
            std::vector<double> values = parameter.value.to_doubles();
            for (size_t k = 0; k < values.size(); ++k) values[k] -= start[k];
            return values;
        };
        const auto gradient = [](const Parameter& parameter) { return parameter.grad.to_doubles(); };
        const auto of_peers = [&](const auto& what) {
            std::vector<std::vector<double>> values;
            for (const Training& peer : peers) values.push_back(what(peer.parameters()[i]));
            return values;
        };
        (e.statistic ? statistics : updates).add(e.name, change(e), of_peers(change), change(g));
        if (e.has_grad) gradients.add(e.name, gradient(e), of_peers(gradient), gradient(g));
    }
    CHECK(6 * gradients.intact() >= gradients.count());  // of the peers alone: else the bounds would say little
    MESSAGE("stage ", stage, std::string(recipe == Recipe::paper ? " paper " : " code "), name_of(dtype), ": losses off by ", worst_loss,
            "; ", gradients.check("gradient", bounds), ", ", gradients.intact(), " intact; ", updates.check("update", bounds), "; ",
            statistics.check("statistic", bounds));
}

}  // namespace

TEST_CASE("device step: stage 3 code") {
    if (!place().one_step) {
        MESSAGE("skipped: the monitored program runs it; PURNET_TEST_FULL=1 here too");
        return;
    }
    for (const DType dtype : {DType::f32, DType::bf16}) check_step(3, Recipe::code, dtype);
}

TEST_CASE("device step: all stages of both recipes") {
    if (!place().all_steps) {
        MESSAGE("skipped: PURNET_TEST_FULL=1 runs it");
        return;
    }
    for (const DType dtype : {DType::f32, DType::bf16})
        for (const int stage : {1, 2, 3})
            for (const Recipe recipe : {Recipe::paper, Recipe::code})
                if (stage < 3 || recipe == Recipe::paper) check_step(stage, recipe, dtype);
}

}  // namespace purnet::test
