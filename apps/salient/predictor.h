// Loads a network once and predicts many pictures from memory.
//
//     Predictor predictor("weights.safetensors");
//     std::vector<float> map = predictor.map(rgb, width, height);   // predictor.size() squared, in [0, 1]
//
// Calls may come from several threads; they take turns. A predictor made from a file reads it again when another batch, or inspect(), needs
// the weights that its first plan has packed: the file must stay as it is (else an Error says so).
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
// and of the copies of the weights that convolutions read.
enum class Precision { f32, bf16, int8 };
Precision precision_named(const std::string& name);

struct PredictorOptions {
    int size = 0;  // side of the network's input; 0: the one stored with the weights
    Device device;
    Precision precision = Precision::f32;  // int8: weights without ranges are an Error; bf16: so is a CPU without it
};

DType activation_dtype(const PredictorOptions& options);

class Predictor {
public:
    explicit Predictor(const std::filesystem::path& weights, const PredictorOptions& options = {});
    // The network's activations are those of activation_dtype(options).
    explicit Predictor(std::unique_ptr<PurNet> net, const PredictorOptions& options = {});
    ~Predictor();

    int size() const;
    Device device() const;
    const PurNetConfig& config() const;

    // The picture's bytes, rows from the top, R,G,B interleaved -> sigmoid(z_1), size() squared.
    std::vector<float> map(const uint8_t* rgb, int width, int height);
    // Pictures already at size() squared, n of them one behind the other.
    void maps_of_resized(const uint8_t* rgb, int n, float* out);
    // Everything there is to see.
    Maps inspect(const uint8_t* rgb, int width, int height);

    // The steps of the plan for one picture.
    std::string plan_text();
    size_t arena_bytes();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace purnet
