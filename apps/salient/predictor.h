// Loads a network once and predicts many pictures from memory.
//
//     Predictor predictor("weights.safetensors");
//     std::vector<float> map = predictor.map(rgb, width, height);   // predictor.size() squared, in [0, 1]
//
// Calls may come from several threads; they take turns. A predictor made from a file reads it again when another batch, or inspect(), needs
// the weights that its first plan has packed: the file must stay as it is (else an Error says so).
//
// With a folder for packed weights (PredictorOptions::packed) what the first plan makes of the weights is kept there by keep_packed(), and
// the next predictor of the same file, size and precision maps that instead of reading the weights: the same maps, bit for bit, in a
// fraction of the start. A file that changed, another program or another machine never meets them (apps/run/packed_cache.h).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/salient/inspection.h"
#include "data/image/image.h"
#include "nets/purnet.h"

namespace purnet {

// int8 and bf16 on the CPU (where it has instructions for it): of the plan's convolutions. bf16 on a CUDA device: of all activations,
// and of the copies of the weights that convolutions read. tf32 on a CUDA device: of the operands of products
// (kernels/runtime/arithmetic.h).
enum class Precision { f32, bf16, int8, tf32 };
Precision precision_named(const std::string& name);

struct PredictorOptions {
    int size = 0;  // side of the network's input; 0: the one stored with the weights
    Device device;
    Precision precision = Precision::f32;  // int8: weights without ranges are an Error; bf16: so is a CPU without it
    std::filesystem::path packed = {};     // folder of packed weights; empty: none are kept. Of predictors made from a file, on the CPU
};

DType activation_dtype(const PredictorOptions& options);

// The picture's bytes, rows from the top, R,G,B interleaved; somebody else's memory.
struct PictureBytes {
    const uint8_t* rgb;
    int width, height;
};

class Predictor {
public:
    explicit Predictor(const std::filesystem::path& weights, const PredictorOptions& options = {});
    // The network's activations are those of activation_dtype(options).
    explicit Predictor(std::unique_ptr<PurNet> net, const PredictorOptions& options = {});
    ~Predictor();

    int size() const;
    Device device() const;
    const PurNetConfig& config() const;

    // sigmoid(z_1), size() squared.
    std::vector<float> map(const uint8_t* rgb, int width, int height);
    // Of several pictures in one go: their maps one behind the other.
    void maps_of(const std::vector<PictureBytes>& pictures, float* out);
    // Pictures already at size() squared, n of them one behind the other.
    void maps_of_resized(const uint8_t* rgb, int n, float* out);
    // Whether maps_of() resizes a picture of that size on the network's device, where that takes no thread of the host: on a CUDA device
    // those of up to 64 MiB (22 million pixels), which cross the bus in some milliseconds. Larger ones would take the memory that the
    // network needs. The map is the same, bit for bit, wherever a picture is resized.
    bool resizes_there(int width, int height) const;
    // Everything there is to see.
    Maps inspect(const uint8_t* rgb, int width, int height);

    // Once the first plan is made: keeps what it has packed, unless that is there already or the weights file was changed just before it
    // was read. The file that was written, or nothing. Error: it can't be written. Nothing depends on it.
    std::filesystem::path keep_packed();
    // Whether the network's weights came from the folder of packed ones.
    bool from_packed() const;

    // The steps of the plan for one picture.
    std::string plan_text();
    size_t arena_bytes();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace purnet
