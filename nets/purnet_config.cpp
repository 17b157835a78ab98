#include "nets/purnet_config.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>

namespace purnet {
namespace {

template <class E>
struct Named {
    E value;
    std::string_view name;
};
constexpr Named<Backbone> backbones[] = {{Backbone::resnet50, "resnet50"}, {Backbone::vgg16, "vgg16"}, {Backbone::light, "light"}};
constexpr Named<Ablation> ablations[] = {
    {Ablation::baseline, "baseline"}, {Ablation::pa, "pa"},    {Ablation::ra, "ra"}, {Ablation::pm, "pm"},
    {Ablation::ssl, "ssl"},           {Ablation::full, "full"}};
constexpr Named<PromotionGain> gains[] = {{PromotionGain::one, "one"}, {PromotionGain::mean, "mean"}};

template <class E>
std::string_view name_in(std::span<const Named<E>> table, E value) {
    for (const auto& entry : table)
        if (entry.value == value) return entry.name;
    fail("unnamed value ", static_cast<int>(value));
}

template <class E>
E named_in(std::span<const Named<E>> table, std::string_view what, std::string_view name) {
    std::string known;
    for (const auto& entry : table) {
        if (entry.name == name) return entry.value;
        known += known.empty() ? "" : ", ";
        known += entry.name;
    }
    fail(what, " \"", name, "\" is unknown: choose one of ", known);
}

std::string text(const std::array<float, 3>& v) {
    std::string joined;
    for (size_t i = 0; i < 3; ++i) {
        char digits[32];
        joined += i ? " " : "";
        joined.append(digits, std::to_chars(digits, digits + sizeof digits, v[i]).ptr);  // the shortest that reads back equal
    }
    return joined;
}

double number(std::string_view key, std::string_view from) {
    double value = 0;
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), value);
    require(error == std::errc() && end == from.data() + from.size() && std::isfinite(value), "metadata ", key, " holds \"",
            from.substr(0, 100), "\" where a number is expected");
    return value;
}

int integer(std::string_view key, std::string_view from) {
    const double value = number(key, from);
    require(value >= 1 && value <= 1 << 20 && value == std::floor(value), "metadata ", key, " is ", value,
            ": a whole number from 1 is expected");
    return static_cast<int>(value);
}

Normalisation parse_normalisation(const std::string& from) {
    std::string words = from;
    for (char& c : words)
        if (c == ';') c = ' ';
    std::istringstream in(words);
    std::vector<float> values;
    for (std::string word; in >> word && values.size() < 8;) values.push_back(static_cast<float>(number("normalisation", word)));
    require(values.size() == 7, "metadata normalisation holds \"", from.substr(0, 100),
            "\": \"scale; three means; three deviations\" is expected");
    Normalisation n;
    n.scale = values[0];
    for (size_t i = 0; i < 3; ++i) n.mean[i] = values[1 + i], n.deviation[i] = values[4 + i];
    return n;
}

Ranges parse_ranges(const std::string& from) {
    const nlohmann::json json = nlohmann::json::parse(from, nullptr, false);
    require(json.is_object(), "metadata ranges are no JSON object of names and [low, high]");
    Ranges ranges;
    for (const auto& [name, pair] : json.items()) {
        require(pair.is_array() && pair.size() == 2 && pair[0].is_number() && pair[1].is_number(), "metadata ranges: ", name.substr(0, 100),
                " is no pair [low, high]");
        const Range range{pair[0].get<double>(), pair[1].get<double>()};
        require(std::isfinite(range.low) && std::isfinite(range.high) && range.low <= range.high, "metadata ranges: ", name.substr(0, 100),
                " from ", range.low, " to ", range.high, " is no range");
        ranges[name] = range;
    }
    return ranges;
}

constexpr int64_t fewest_square_kernels = 4;  // 3x3, from all channels to all channels; every form has more

bool has(const NamedArrays& file, std::string_view name) { return file.contains(name); }

PurNetConfig recognise(const NamedArrays& file) {
    PurNetConfig config;
    const bool resnet = has(file, "layer0.0.weight"), vgg = has(file, "vgg.features.0.weight"), lite = has(file, "lite0._conv_stem.weight");
    const Array* convert = file.find("convert1.0.weight");
    require(resnet + vgg + lite == 1 && convert && convert->shape.size() == 4 && convert->shape[0] >= 1 && convert->shape[0] <= 1 << 20,
            "these are no weights of a PurNet: neither metadata nor the names of its layers are there");
    // The network is built before its shapes are compared: the file must hold what such a width takes at the very least.
    const int64_t width = convert->shape[0];
    int64_t values = 0;
    for (const auto& [name, array] : file) values += array.count();
    require(values >= fewest_square_kernels * 9 * width * width, "these are no weights of a PurNet: ", values,
            " values in all are too few for decoders of ", width, " channels");
    config.backbone = vgg ? Backbone::vgg16 : lite ? Backbone::light : Backbone::resnet50;
    config.normalisation = default_normalisation(config.backbone);
    config.width = static_cast<int>(convert->shape[0]);
    const bool promotion = has(file, "oa_convert1.0.weight"), rectification = has(file, "ea_convert1.0.weight");
    config.stage1 = !has(file, "feature_upscore1_2.0.weight");
    if (!config.stage1)
        config.ablation = promotion ? (rectification ? Ablation::full : Ablation::pa) : (rectification ? Ablation::ra : Ablation::baseline);
    return config;
}

// What no tensor shows.
void read_notes(PurNetConfig& config, const std::map<std::string, std::string>& notes) {
    const auto note = [&](const char* key, auto&& use) {
        const auto found = notes.find(key);
        if (found != notes.end()) use(found->second);
    };
    note("promotion_gain", [&](const std::string& v) { config.promotion_gain = promotion_gain_named(v); });
    note("extractor_start", [&](const std::string& v) { config.pretrained = v == "file"; });
    note("normalisation", [&](const std::string& v) { config.normalisation = parse_normalisation(v); });
    note("size", [&](const std::string& v) { config.size = integer("size", v); });
    note("ranges", [&](const std::string& v) { config.ranges = parse_ranges(v); });
}

}  // namespace

std::array<std::array<double, 256>, 3> Normalisation::table() const {
    std::array<std::array<double, 256>, 3> t;
    for (size_t c = 0; c < 3; ++c)
        for (size_t b = 0; b < 256; ++b)
            t[c][b] = (static_cast<double>(b) / scale - static_cast<double>(mean[c])) / static_cast<double>(deviation[c]);
    return t;
}

Normalisation default_normalisation(Backbone backbone) {
    switch (backbone) {
        case Backbone::resnet50: return {255, {0.4923f, 0.4634f, 0.3974f}, {0.2737f, 0.2659f, 0.2836f}};
        case Backbone::vgg16: return {255, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
        case Backbone::light: return {1, {127, 127, 127}, {128, 128, 128}};
    }
    fail("unnamed backbone");
}

void check(const PurNetConfig& config) {
    require(config.width >= 1 && config.width <= 4096, "a decoder's width is from 1 to 4096, not ", config.width);
    require(config.size >= 32 && config.size <= 8192, "a network's input has from 32 to 8192 rows and columns, not ", config.size);
    const Normalisation& n = config.normalisation;
    bool sound = std::isfinite(n.scale) && n.scale > 0;
    for (size_t c = 0; c < 3; ++c) sound = sound && std::isfinite(n.mean[c]) && std::isfinite(n.deviation[c]) && n.deviation[c] > 0;
    require(sound, "the normalisation's scale and deviations must be positive numbers");
}

std::string_view name_of(Backbone value) { return name_in<Backbone>(backbones, value); }
std::string_view name_of(Ablation value) { return name_in<Ablation>(ablations, value); }
std::string_view name_of(PromotionGain value) { return name_in<PromotionGain>(gains, value); }
Backbone backbone_named(std::string_view name) { return named_in<Backbone>(backbones, "backbone", name); }
Ablation ablation_named(std::string_view name) { return named_in<Ablation>(ablations, "ablation", name); }
PromotionGain promotion_gain_named(std::string_view name) { return named_in<PromotionGain>(gains, "promotion gain", name); }

std::map<std::string, std::string> to_metadata(const PurNetConfig& config) {
    std::ostringstream scale;
    scale << config.normalisation.scale;
    std::map<std::string, std::string> notes = {
        {"network", "purnet"},
        {"backbone", std::string(name_of(config.backbone))},
        {"width", std::to_string(config.width)},
        {"ablation", std::string(name_of(config.ablation))},
        {"form", config.stage1 ? "stage1" : "full"},
        {"promotion_gain", std::string(name_of(config.promotion_gain))},
        {"extractor_start", config.pretrained ? "file" : "random"},
        {"normalisation", scale.str() + "; " + text(config.normalisation.mean) + "; " + text(config.normalisation.deviation)},
        {"size", std::to_string(config.size)}};
    if (!config.ranges.empty()) notes["ranges"] = ranges_text(config.ranges);
    return notes;
}

std::string ranges_text(const Ranges& ranges) {
    nlohmann::json json;
    for (const auto& [name, range] : ranges) json[name] = {range.low, range.high};
    return json.dump();
}

PurNetConfig config_of(const NamedArrays& file) {
    PurNetConfig config = recognise(file);
    const auto& notes = file.metadata;
    const auto note = [&](const char* key, auto&& use) {
        const auto found = notes.find(key);
        if (found != notes.end()) use(found->second);
    };
    note("network", [](const std::string& v) {
        require(v == "purnet", "these are weights of the network \"", v.substr(0, 100), "\", not of a purnet");
    });
    note("backbone", [&](const std::string& v) {
        require(backbone_named(v) == config.backbone, "the metadata say backbone ", v, ", but the tensors are those of ",
                name_of(config.backbone));
    });
    note("width", [&](const std::string& v) {
        require(integer("width", v) == config.width, "the metadata say width ", v, ", but the tensors have ", config.width);
    });
    note("form", [&](const std::string& v) {
        require(v == "full" || v == "stage1", "form \"", v.substr(0, 100), "\" is unknown: choose one of full, stage1");
        require((v == "stage1") == config.stage1, "the metadata say form ", v, ", but the tensors are those of the other form");
    });
    note("ablation", [&](const std::string& v) {
        const PurNetConfig seen = config;
        config.ablation = ablation_named(v);
        require(config.has_promotion() == seen.has_promotion() && config.has_rectification() == seen.has_rectification(),
                "the metadata say ablation ", v, ", but the tensors are those of ", name_of(seen.ablation));
    });
    read_notes(config, notes);
    check(config);
    return config;
}

PurNetConfig config_of(const std::map<std::string, std::string>& metadata) {
    const auto given = [&](const char* key) {
        const auto found = metadata.find(key);
        require(found != metadata.end(), "the metadata do not say ", key);
        return found->second;
    };
    require(given("network") == "purnet", "the metadata are not those of a purnet");
    PurNetConfig config;
    config.backbone = backbone_named(given("backbone"));
    config.width = integer("width", given("width"));
    config.stage1 = given("form") == "stage1";
    config.ablation = ablation_named(given("ablation"));
    read_notes(config, metadata);
    check(config);
    return config;
}

}  // namespace purnet
