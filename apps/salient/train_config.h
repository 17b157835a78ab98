// Every hyper-parameter of a training run: an option of `train`, a key of its config file, and stored with the run.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace purnet {

struct TrainConfig {
    // data
    std::vector<std::string> data, val;
    double val_fraction = 0.05;  // held out of data where val is empty
    int size = 320;
    std::vector<int> multi_scale;  // sides to draw from, a step each; empty: size
    int workers = 1;
    int cache_mb = 4096;  // decoded pictures kept in memory
    bool flip = true;
    double rotate = 0;  // degrees to either side
    double crop = 0;    // largest share of a side cut away
    double jitter = 0;  // largest relative change of brightness, contrast, saturation
    std::string augment_on = "auto";
    int superpixels = 256;
    double compactness = 10;
    std::string superpixel_cache;  // folder; empty: none
    int superpixel_cache_mb = 1024;

    // network
    std::string backbone = "resnet50";
    int width = 128;
    std::string ablation = "full";
    std::string promotion_gain = "one";
    std::string init;       // ImageNet weights of the backbone
    std::string init_from;  // weights of a whole network, for fine-tuning
    std::vector<std::string> freeze;

    // recipe
    std::string recipe = "paper";
    std::string stage = "all";
    std::vector<int64_t> steps = {20000, 50000, 200000};  // a stage each
    double minutes = 0;                                   // above 0: steps are measured and fixed from it
    std::vector<double> shares = {0.4, 0.1, 0.5};         // of the minutes, a stage each
    std::vector<int> batch = {8, 8, 8};
    int accumulate = 1;
    std::string error_loss = "bce";
    bool structural = true;
    bool overlap = false;
    bool recompute = true;
    bool graph = true;

    // optimiser
    std::string optimiser = "sgd";
    double rate_extractor = 1e-3, rate = 1e-2;
    double momentum = 0.9;
    double weight_decay = 5e-4;
    std::string schedule = "poly";
    double power = 0.9;
    int64_t warmup = 0;
    double clip = 0;  // largest norm of the gradient; 0: none
    double ema = 0;   // decay of the averaged weights; 0: none

    // run
    std::string precision = "f32";  // of activations and of the weights' copies that convolutions read
    std::string out;
    uint64_t seed = 1;
    int64_t log_every = 20;
    int64_t validate_every = 500;
    int64_t save_every = 500;
    std::string best_by = "max-f";
    int64_t patience = 0;    // validations without improvement before the stage ends; 0: never
    int max_nonfinite = 5;   // in a row, before the run stops
    bool self_test = false;  // one batch is to be learned by heart first
    std::string preset;

    // Calls visit(name, field, help) for every field in the order of --help.
    template <class Config, class Visitor>
    static void describe(Config& c, Visitor&& visit) {
        visit("data", c.data, "folders, .tar files or lists with pictures and masks");
        visit("val", c.val, "validation data; without it a part of --data is held out");
        visit("val-fraction", c.val_fraction, "part of --data held out for validation");
        visit("size", c.size, "side of the network's input in pixels");
        visit("multi-scale", c.multi_scale, "sides drawn from, one a step");
        visit("workers", c.workers, "threads that prepare batches");
        visit("cache-mb", c.cache_mb, "memory for decoded pictures, MiB");
        visit("flip", c.flip, "mirror half of the pictures");
        visit("rotate", c.rotate, "rotate by up to this many degrees");
        visit("crop", c.crop, "cut away up to this share of each side");
        visit("jitter", c.jitter, "change brightness, contrast, saturation by up to this share");
        visit("augment-on", c.augment_on,
              "where these four are carried out: host, by the workers; device, in the step; auto, there on CUDA devices: the same bits");
        visit("superpixels", c.superpixels, "superpixels asked of SLIC for the structural loss");
        visit("compactness", c.compactness, "SLIC's weight of distance against colour");
        visit("superpixel-cache", c.superpixel_cache,
              "folder that keeps superpixels for later runs, or auto for that of the user; none if not given");
        visit("superpixel-cache-mb", c.superpixel_cache_mb, "largest size of that folder, MiB");
        visit("backbone", c.backbone, "what looks at the picture first");
        visit("width", c.width, "channels of the decoders");
        visit("ablation", c.ablation,
              "with only promotion (pa), rectification (ra), both (pm), the structural loss (ssl), or none of them (baseline)");
        visit("promotion-gain", c.promotion_gain, "factor of the promotion attention: one as published, mean for a mean of 1");
        visit("init", c.init, "ImageNet weights of the backbone (.safetensors, .pth)");
        visit("init-from", c.init_from, "weights of a whole network to start from (fine-tuning)");
        visit("freeze", c.freeze, "parts that stay as they are");
        visit("recipe", c.recipe, "how losses and stages work together: as in the paper, or in its published code");
        visit("stage", c.stage, "the stages that are trained");
        visit("steps", c.steps, "steps of stage 1, 2 and 3");
        visit("minutes", c.minutes, "time for the whole run; the first steps are measured and the numbers of steps fixed");
        visit("shares", c.shares, "shares of the minutes for stage 1, 2 and 3");
        visit("batch", c.batch, "pictures a step, of stage 1, 2 and 3");
        visit("accumulate", c.accumulate, "batches summed before an update");
        visit("error-loss", c.error_loss, "what the error map learns by");
        visit("structural", c.structural, "use the structural loss");
        visit("overlap", c.overlap, "add 1 less the soft intersection over union of map and mask to the main loss");
        visit("recompute", c.recompute,
              "make outputs of batch norms and attentions again in the backward rather than keep them: the same bits, less memory");
        visit("graph", c.graph, "on CUDA devices: launch a step as one, recorded once for each size of batch: the same bits, sooner");
        visit("optimiser", c.optimiser, "what updates the weights");
        visit("rate-extractor", c.rate_extractor, "learning rate of the backbone");
        visit("rate", c.rate, "learning rate of the rest");
        visit("momentum", c.momentum, "of sgd");
        visit("weight-decay", c.weight_decay, "weight decay");
        visit("schedule", c.schedule, "how the rates fall");
        visit("power", c.power, "of poly");
        visit("warmup", c.warmup, "steps of linear warm-up");
        visit("clip", c.clip, "largest norm of the gradient; 0: no clipping");
        visit("ema", c.ema, "decay of averaged weights, which then are validated and saved as best; 0: none");
        visit("precision", c.precision,
              "on CUDA devices also bf16: activations and products, with float32 weights, sums and losses; or tf32: the operands of "
              "products alone");
        visit("out", c.out, "run folder");
        visit("seed", c.seed, "seed of everything random");
        visit("log-every", c.log_every, "steps between log lines");
        visit("validate-every", c.validate_every, "steps between validations");
        visit("save-every", c.save_every, "steps between checkpoints");
        visit("best-by", c.best_by, "the figure of validation that chooses best.safetensors and that --patience waits for");
        visit("patience", c.patience, "validations without improvement before a stage ends; 0: never");
        visit("max-nonfinite", c.max_nonfinite, "steps with a non-finite loss in a row before the run stops");
        visit("self-test", c.self_test, "before training, learn one batch by heart; where that fails, say what is wrong with it and stop");
    }
};

// The values that an option by its name, or --preset, takes; nothing where they can't be listed. --stage: in the order 1, 2, 3, all.
std::vector<std::string> choices_of(const std::string& option);

// paper, code, light, demo: sets every field that the preset speaks of. Unknown names throw and list the known ones.
void apply_preset(TrainConfig& config, const std::string& name);
// What cannot work: one Error that names the option.
void check(const TrainConfig& config);

nlohmann::json to_json(const TrainConfig& config);
TrainConfig train_config_from_json(const nlohmann::json& json);

}  // namespace purnet
