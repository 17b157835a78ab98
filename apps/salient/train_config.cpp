#include "apps/salient/train_config.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <type_traits>
#include <utility>

#include "core/formats/byte_source.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

// Does nothing where the option's values can't be listed.
void check_choice(const char* option, const std::string& value) {
    const std::vector<std::string> known = choices_of(option);
    if (known.empty() || std::find(known.begin(), known.end(), value) != known.end()) return;
    std::string list;
    for (const std::string& name : known) list += std::string(list.empty() ? "" : ", ") + name;
    fail("--", option, " ", value, ": use one of ", list);
}

}  // namespace

std::vector<std::string> choices_of(const std::string& option) {
    static const std::map<std::string, std::vector<std::string>> all = {
        {"preset", {"paper", "code", "light", "demo"}},
        {"augment-on", {"auto", "host", "device"}},
        {"backbone", {"resnet50", "vgg16", "light"}},
        {"ablation", {"full", "baseline", "pa", "ra", "pm", "ssl"}},
        {"promotion-gain", {"one", "mean"}},
        {"freeze", {"extractor", "main", "promotion", "rectification"}},
        {"recipe", {"paper", "code"}},
        {"stage", {"1", "2", "3", "all"}},
        {"error-loss", {"bce", "kl"}},
        {"optimiser", {"sgd", "adamw"}},
        {"schedule", {"poly", "cosine", "step", "constant"}},
        {"precision", {"f32", "tf32", "bf16"}},
        {"best-by", {"max-f", "mae"}},
    };
    const auto found = all.find(option);
    return found == all.end() ? std::vector<std::string>{} : found->second;
}

void apply_preset(TrainConfig& c, const std::string& name) {
    check_choice("preset", name);
    c.preset = name;
    if (name == "paper") return;  // the defaults
    if (name == "code") {
        c.recipe = "code";
        c.rotate = 10;
        c.batch = {4, 4, 2};
        c.steps = {50000, 250000, 200000};
        return;
    }
    if (name == "demo") {  // drawn pictures, a few minutes, nothing pretrained
        c.backbone = "light";
        c.width = 16;
        c.size = 128;
        c.batch = {8, 8, 8};
        c.steps = {400, 60, 240};
        c.shares = {0.5, 0.1, 0.4};
        c.optimiser = "adamw";
        c.rate_extractor = 3e-3;
        c.rate = 3e-3;
        c.weight_decay = 1e-2;
        c.warmup = 20;
        c.clip = 10;
        c.validate_every = 200;
        c.superpixels = 100;
        return;
    }
    // light: EfficientNet-Lite0 on a CPU. AdamW, since the backbone's batch norms barely move; the joint recipe of the paper.
    c.backbone = "light";
    c.width = 48;
    c.size = 192;
    c.batch = {12, 12, 12};
    c.steps = {8000, 600, 2600};
    c.shares = {0.6, 0.07, 0.33};
    c.optimiser = "adamw";
    c.rate_extractor = 2e-4;
    c.rate = 2e-3;
    c.weight_decay = 1e-2;
    c.warmup = 100;
    c.clip = 10;
    c.ema = 0.998;
    c.crop = 0.15;
    c.jitter = 0.15;
    c.overlap = true;
}

namespace {

bool is_utf8(const std::string& text) {
    try {
        return !nlohmann::json(text).dump().empty();
    } catch (const nlohmann::json::exception&) {
        return false;
    }
}

// The strings of a field; none of a number.
std::vector<std::string> texts_of(const std::string& text) { return {text}; }
const std::vector<std::string>& texts_of(const std::vector<std::string>& texts) { return texts; }
template <class Other>
std::vector<std::string> texts_of(const Other&) {
    return {};
}

// JSON holds a number of any size; one that does not fit the field must not be cut down to it.
template <class Field>
void read_field(const nlohmann::json& json, Field& field) {
    if constexpr (std::is_integral_v<Field> && !std::is_same_v<Field, bool>) {
        const bool fits = json.is_number_unsigned()  ? std::in_range<Field>(json.get<uint64_t>())
                          : json.is_number_integer() ? std::in_range<Field>(json.get<int64_t>())
                                                     : false;
        require(fits, "is no whole number in range");
    }
    json.get_to(field);
}
template <class Element>
void read_field(const nlohmann::json& json, std::vector<Element>& field) {
    require(json.is_array(), "is no list");  // caught by whoever knows its name, like all of these
    std::vector<Element> values(json.size());
    for (size_t i = 0; i < values.size(); ++i) read_field(json[i], values[i]);
    field = std::move(values);
}

}  // namespace

void check(const TrainConfig& c) {
    TrainConfig::describe(c, [](const char* name, const auto& field, const char*) {
        if constexpr (std::is_same_v<std::decay_t<decltype(field)>, double>)
            require(std::isfinite(field), "--", name, " ", field, ": use a finite number");
        for (const std::string& text : texts_of(field))
            require(is_utf8(text), "--", name, " ", printable(text), ": config.json can't hold a name that is no valid UTF-8; rename it");
        for (const std::string& text : texts_of(field)) check_choice(name, text);
    });
    require(!c.data.empty(), "--data is missing: a folder with images/ and masks/, a .tar or a list");
    require(!c.out.empty(), "--out is missing: the run folder");
    require(c.size >= 32 && c.size <= 4096, "--size ", c.size, ": use 32 to 4096");
    for (int side : c.multi_scale) require(side >= 32 && side <= 4096, "--multi-scale ", side, ": use 32 to 4096");
    require(c.width >= 1 && c.width <= 1024, "--width ", c.width, ": use 1 to 1024");
    require(c.steps.size() == 3 && c.shares.size() == 3 && c.batch.size() == 3,
            "--steps, --shares and --batch take three values, one a stage");
    // Forms without attentions train in one stage, which takes all the steps.
    const bool one_stage = c.ablation == "baseline" || c.ablation == "ssl";
    int64_t all_steps = 0;
    require(!one_stage || c.stage == "all" || c.stage == "1", "--stage ", c.stage, ": --ablation ", c.ablation,
            " has no attentions, hence one stage; use all or 1");
    for (int64_t n : c.steps) {
        require(n >= (one_stage ? 0 : 1) && n <= 1'000'000'000, "--steps ", n, ": use 1 to a milliard");
        all_steps += n;
    }
    require((c.stage == "all" ? all_steps : c.steps[static_cast<size_t>(c.stage[0] - '1')]) >= 1, "--steps: use 1 or more");
    const int64_t side = std::max(c.size, c.multi_scale.empty() ? 0 : *std::max_element(c.multi_scale.begin(), c.multi_scale.end()));
    for (int n : c.batch) {
        require(n >= 1 && n <= 1024, "--batch ", n, ": use 1 to 1024");
        require(n * side * side < int64_t{1} << 31, "--batch ", n, " of ", side, " x ", side,
                " is more pixels than a step takes: use a smaller --batch, with --accumulate, or --size");
    }
    for (double s : c.shares) require(s > 0, "--shares ", s, ": use numbers above 0");
    require(c.val_fraction >= 0 && c.val_fraction < 1, "--val-fraction ", c.val_fraction, ": use 0 to below 1");
    require(c.workers >= 1 && c.workers <= 256, "--workers ", c.workers, ": use 1 to 256");
    require(c.accumulate >= 1 && c.accumulate <= 65536, "--accumulate ", c.accumulate, ": use 1 to 65536");
    require(c.cache_mb >= 0, "--cache-mb ", c.cache_mb, ": use 0 or more");
    require(c.rotate >= 0 && c.rotate <= 180, "--rotate ", c.rotate, ": use 0 to 180");
    require(c.crop >= 0 && c.crop < 0.9, "--crop ", c.crop, ": use 0 to 0.9");
    require(c.jitter >= 0 && c.jitter <= 1, "--jitter ", c.jitter, ": use 0 to 1");
    require(c.superpixels >= 1 && c.superpixels <= 2048, "--superpixels ", c.superpixels, ": use 1 to 2048");
    require(c.compactness > 0, "--compactness ", c.compactness, ": use a number above 0");
    require(c.superpixel_cache_mb >= 1, "--superpixel-cache-mb ", c.superpixel_cache_mb, ": use 1 or more");
    require(c.rate > 0 && c.rate_extractor >= 0, "--rate ", c.rate, ": use a number above 0");
    require(c.momentum >= 0 && c.momentum < 1, "--momentum ", c.momentum, ": use 0 to below 1");
    require(c.weight_decay >= 0, "--weight-decay ", c.weight_decay, ": use 0 or more");
    require(c.power > 0, "--power ", c.power, ": use a number above 0");
    require(c.warmup >= 0, "--warmup ", c.warmup, ": use 0 or more");
    require(c.clip >= 0, "--clip ", c.clip, ": use 0 or more");
    require(c.patience >= 0, "--patience ", c.patience, ": use 0 or more");
    require(c.max_nonfinite >= 1, "--max-nonfinite ", c.max_nonfinite, ": use 1 or more");
    require(c.ema >= 0 && c.ema < 1, "--ema ", c.ema, ": use 0 to below 1");
    require(c.minutes >= 0 && c.minutes <= 1e6, "--minutes ", c.minutes, ": use a number above 0, at most a million");
    require(c.log_every >= 1 && c.validate_every >= 1 && c.save_every >= 1, "--log-every, --validate-every and --save-every are 1 or more");
}

nlohmann::json to_json(const TrainConfig& config) {
    nlohmann::json json;
    json["preset"] = config.preset;
    TrainConfig::describe(config, [&](const char* name, const auto& field, const char*) { json[name] = field; });
    return json;
}

TrainConfig train_config_from_json(const nlohmann::json& json) {
    TrainConfig config;
    require(json.is_object(), "a training config is a JSON object");
    const auto read = [&](const char* name, auto& field, const char*) {
        if (!json.contains(name)) return;
        try {
            read_field(json.at(name), field);
        } catch (const std::exception&) {
            fail("training config: ", name, " has the wrong type");
        }
    };
    read("preset", config.preset, "");
    TrainConfig::describe(config, read);
    return config;
}

}  // namespace purnet
