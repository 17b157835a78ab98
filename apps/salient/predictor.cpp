#include "apps/salient/predictor.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

#include "apps/run/console.h"
#include "apps/run/packed_cache.h"
#include "apps/run/tuned_choices.h"
#include "apps/salient/input.h"
#include "core/formats/weights_file.h"
#include "core/ops/resize_picture.h"
#include "core/plan/plan.h"
#include "kernels/conv2d/conv2d_bf16.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/arithmetic.h"
#include "kernels/runtime/choices.h"
#include "kernels/runtime/out_of_memory.h"
#include "nets/name_maps.h"

namespace purnet {

namespace fs = std::filesystem;

namespace {

// Bytes of a picture that is resized on a device.
constexpr int64_t most_sent = int64_t{64} << 20;

}  // namespace

Precision precision_named(const std::string& name) {
    if (name == "f32") return Precision::f32;
    if (name == "tf32") return Precision::tf32;
    if (name == "bf16") return Precision::bf16;
    require(name == "int8", "precision '", name, "': use f32, tf32, bf16 or int8");
    return Precision::int8;
}

DType activation_dtype(const PredictorOptions& options) {
    return options.precision == Precision::bf16 && !options.device.on_host() ? DType::bf16 : DType::f32;
}

// Networks of one file, which must stay as it was when it was first read.
class NetworkFile {
public:
    NetworkFile(fs::path path, const PredictorOptions& options) : path_(std::move(path)), options_(options), seen_(look()) {}

    std::unique_ptr<PurNet> load() const {
        require(look() == seen_, path_.string(), ": changed while it was in use");
        return network_of(load_named_arrays(path_), path_.string(), options_.device, activation_dtype(options_));
    }

private:
    using Look = std::pair<uintmax_t, fs::file_time_type>;
    Look look() const {
        std::error_code error;
        const uintmax_t size = fs::file_size(path_, error);
        return {error ? 0 : size, fs::last_write_time(path_, error)};
    }

    fs::path path_;
    PredictorOptions options_;
    Look seen_;
};

// The folder of packed weights, and what its files are for one network.
class PackedPlace {
public:
    PackedPlace(const fs::path& folder, const fs::path& weights, const PredictorOptions& options)
        : cache_(folder),
          weights_(weights),
          plan_(concat("side ", options.size, ", precision ", static_cast<int>(options.precision),
                       choices::any() ? ", measured choices" : "")) {
        state_ = state_of_file(weights_);
        if (!state_.empty()) key_ = concat("weights ", state_, "\nprogram ", state_of_program(), "\nplan ", plan_);
    }

    std::unique_ptr<PackedFile> find() const {
        if (key_.empty()) return nullptr;
        std::string why;
        std::unique_ptr<PackedFile> found = cache_.find(key_, why);
        if (!why.empty()) refused(why);
        return found;
    }
    static void refused(const std::string& why) { warn(why, "; packing the weights anew"); }

    fs::path keep(const PurNetConfig& config, const PackedWeights& weights) const {
        const PackedNotes notes = to_metadata(config);
        if (key_.empty() || weights.empty() || state_of_file(weights_) != state_ || !(config_of(notes) == config)) return {};
        cache_.keep(key_, notes, weights);
        return cache_.file_of(key_);
    }

private:
    PackedCache cache_;
    fs::path weights_;
    std::string plan_, state_, key_;
};

struct Predictor::State {
    static std::unique_ptr<State> make(std::unique_ptr<PurNet> net, const PredictorOptions& options);

    std::optional<PackedPlace> place;
    std::unique_ptr<PackedFile> packed;  // outlives the plans
    bool kept = false;                   // or nothing to keep
    // Without values once a plan was made, where there is a file to read them again.
    std::unique_ptr<PurNet> net;
    std::optional<NetworkFile> file;
    bool has_values = true;
    PurNetConfig config;
    int side = 0;
    Precision precision = Precision::f32;
    std::mutex mutex;
    std::map<int, Plan> plans;  // by batch

    Device device() const { return net->parameters().device(); }
    DType dtype() const { return net->parameters().activation_dtype(); }

    // The network with its values.
    PurNet& whole_net() {
        if (!has_values) net = file->load();
        has_values = true;
        return *net;
    }

    Plan& plan(int n) {
        const auto found = plans.find(n);
        if (found != plans.end()) return found->second;
        if (packed) {
            try {
                return planned(n, &packed->weights());
            } catch (const OutOfMemory&) {
                throw;
            } catch (const Error& refused) {
                // Batches may take other methods; the first plan is what the file was made from.
                if (plans.empty()) {
                    PackedPlace::refused(refused.what());
                    kept = false;
                    packed.reset();
                }
            }
        }
        whole_net();
        return planned(n, nullptr);
    }

    Plan& planned(int n, const PackedWeights* weights) {
        const AllowTf32 tf32(precision == Precision::tf32);
        const Tensor like = Tensor::symbolic({n, side, side, 3}, DType::u8, device());
        const auto network = [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{net->map(network_input(*net, in[0]))}; };
        const NarrowForms forms{.eight_bit = precision == Precision::int8 ? &config.ranges : nullptr,
                                .bf16 = precision == Precision::bf16 && device().on_host()};
        std::function<void()> traced;
        if (file && !weights)
            traced = [this] {
                net->parameters().forget_values();
                has_values = false;
            };
        return plans.emplace(n, Plan({like}, network, forms, traced, weights)).first->second;
    }

    std::vector<uint8_t> resized(const PictureBytes& picture) const {
        require(picture.width >= 1 && picture.height >= 1, "a picture of ", picture.width, " x ", picture.height,
                " pixels has nothing to predict");
        std::vector<uint8_t> bytes(static_cast<size_t>(side) * static_cast<size_t>(side) * 3);
        resize_bilinear(picture.rgb, picture.height, picture.width, 3, bytes.data(), side, side);
        return bytes;
    }

    bool resizes_there(int width, int height) const {
        return !device().on_host() && width >= 1 && height >= 1 && int64_t{width} * height <= most_sent / 3;
    }

    // The picture at side squared into its place in a batch.
    void put(const PictureBytes& picture, const Tensor& place) const {
        if (picture.width == side && picture.height == side) {
            copy_bytes(place.raw(), device(), picture.rgb, Device{}, place.bytes());
        } else if (resizes_there(picture.width, picture.height)) {
            const Tensor whole = bytes_on(device(), picture.rgb, {picture.height, picture.width, 3});
            place.copy_from(ops::resize_picture(whole, side, side));
        } else {
            copy_bytes(place.raw(), device(), resized(picture).data(), Device{}, place.bytes());
        }
    }
};

std::unique_ptr<Predictor::State> Predictor::State::make(std::unique_ptr<PurNet> net, const PredictorOptions& options) {
    auto state = std::make_unique<State>();
    state->net = std::move(net);
    state->config = state->net->config();
    state->side = options.size ? options.size : state->config.size;
    state->precision = options.precision;
    const Device device = state->device();
    require(state->dtype() == activation_dtype(options), "a predictor's network is ", name_of(state->dtype()), ", its options say ",
            name_of(activation_dtype(options)));
    require(options.precision != Precision::int8 || device.on_host(), "int8 runs on the CPU, not on ", name_of(device),
            ": use f32, tf32 or bf16, or --device cpu");
    require(options.precision != Precision::tf32 || !device.on_host(), "tf32 is for CUDA devices, not for ", name_of(device), ": use f32");
    require(options.precision != Precision::int8 || !state->config.ranges.empty(),
            "these weights have no ranges for 8 bits; measure them with: purnet export --weights FILE --calibrate PICTURES --out NEW");
    if (options.precision == Precision::bf16 && device.on_host())
        if (const std::string reason = conv2d::why_no_bf16(); !reason.empty()) fail(reason, "; use --precision f32, or int8");
    require(state->side >= 32 && state->side <= 8192, "a network input of ", state->side, " pixels: use 32 to 8192");
    return state;
}

Predictor::Predictor(const fs::path& weights, const PredictorOptions& options) {
    const fs::path path = fs::absolute(weights);
    const NetworkFile file(path, options);
    std::optional<PackedPlace> place;
    std::unique_ptr<PackedFile> packed;
    std::unique_ptr<PurNet> net;
    if (!options.packed.empty() && options.device.on_host()) {
        place.emplace(options.packed, path, options);
        packed = place->find();
    }
    if (packed) {
        try {
            net = std::make_unique<PurNet>(config_of(packed->notes()), options.device, activation_dtype(options), Values::absent);
        } catch (const Error& refused) {
            PackedPlace::refused(refused.what());
            packed.reset();
        }
    }
    if (!net) net = file.load();
    state_ = State::make(std::move(net), options);
    state_->file = file;
    state_->has_values = !packed;
    state_->kept = packed || !place;
    state_->place = std::move(place);
    state_->packed = std::move(packed);
}

Predictor::Predictor(std::unique_ptr<PurNet> net, const PredictorOptions& options) : state_(State::make(std::move(net), options)) {}

Predictor::~Predictor() = default;

int Predictor::size() const { return state_->side; }
Device Predictor::device() const { return state_->device(); }
const PurNetConfig& Predictor::config() const { return state_->config; }

bool Predictor::resizes_there(int width, int height) const { return state_->resizes_there(width, height); }

void Predictor::maps_of(const std::vector<PictureBytes>& pictures, float* out) {
    const State& s = *state_;
    const int n = static_cast<int>(pictures.size());
    std::lock_guard lock(state_->mutex);
    const Tensor batch = Tensor::empty({n, s.side, s.side, 3}, DType::u8, s.device());
    for (int i = 0; i < n; ++i) s.put(pictures[static_cast<size_t>(i)], batch.part(int64_t{i} * s.side * s.side * 3, {s.side, s.side, 3}));
    const std::vector<float> maps = state_->plan(n).run({batch})[0].to_floats();
    std::copy(maps.begin(), maps.end(), out);
    keep_tuned_choices();
}

void Predictor::maps_of_resized(const uint8_t* rgb, int n, float* out) {
    State& s = *state_;
    std::lock_guard lock(s.mutex);
    Plan& plan = s.plan(n);
    if (!s.device().on_host()) {
        const std::vector<float> map = plan.run({bytes_on(s.device(), rgb, {n, s.side, s.side, 3})})[0].to_floats();
        std::copy(map.begin(), map.end(), out);
        keep_tuned_choices();
        return;
    }
    plan.run(std::vector<const void*>{rgb}, std::vector<void*>{out});
    keep_tuned_choices();
}

std::vector<float> Predictor::map(const uint8_t* rgb, int width, int height) {
    std::vector<float> out(static_cast<size_t>(size()) * static_cast<size_t>(size()));
    maps_of({{rgb, width, height}}, out.data());
    return out;
}

Maps Predictor::inspect(const uint8_t* rgb, int width, int height) {
    const std::vector<uint8_t> bytes = state_->resized({rgb, width, height});
    std::lock_guard lock(state_->mutex);
    return purnet::inspect(state_->whole_net(), bytes.data(), state_->side);
}

fs::path Predictor::keep_packed() {
    std::lock_guard lock(state_->mutex);
    if (state_->kept || state_->plans.empty()) return {};
    state_->kept = true;
    return state_->place->keep(config(), state_->plans.begin()->second.packed_weights());
}

bool Predictor::from_packed() const { return state_->packed != nullptr; }

std::string Predictor::plan_text() {
    std::lock_guard lock(state_->mutex);
    return state_->plan(1).text();
}

size_t Predictor::arena_bytes() {
    std::lock_guard lock(state_->mutex);
    return state_->plan(1).arena_bytes();
}

}  // namespace purnet
