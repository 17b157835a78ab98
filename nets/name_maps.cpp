#include "nets/name_maps.h"

namespace purnet {
namespace {

constexpr std::string_view parallel_prefix = "module.";

bool all_prefixed(const NamedArrays& arrays) {
    for (const auto& entry : arrays)
        if (!entry.name.starts_with(parallel_prefix)) return false;
    return !arrays.empty();
}

using Rename = std::function<std::string(const std::string&)>;

bool starts_with_any(std::string_view name, std::initializer_list<std::string_view> prefixes) {
    for (const std::string_view prefix : prefixes)
        if (name.starts_with(prefix)) return true;
    return false;
}

std::string from_resnet50(const std::string& name) {
    if (name.starts_with("conv1.")) return "layer0.0." + name.substr(6);
    if (name.starts_with("bn1.")) return "layer0.1." + name.substr(4);
    return name.starts_with("fc.") ? "" : name;
}

std::string from_vgg16(const std::string& name) {
    return starts_with_any(name, {"classifier.", "pre_logits.", "head."}) ? "" : "vgg." + name;
}

std::string from_lite0(const std::string& name) { return starts_with_any(name, {"_conv_head.", "_bn1.", "_fc."}) ? "" : "lite0." + name; }

struct Source {
    Backbone backbone;
    Rename rename;
};

Source recognise(const std::function<bool(const char*)>& has, const std::string& what) {
    const auto same = [](const std::string& name) { return name; };
    if (has("layer0.0.weight")) return {Backbone::resnet50, same};
    if (has("vgg.features.0.weight")) return {Backbone::vgg16, same};
    if (has("lite0._conv_stem.weight")) return {Backbone::light, same};
    if (has("conv1.weight") && has("layer1.0.conv1.weight")) return {Backbone::resnet50, from_resnet50};
    if (has("features.0.weight")) return {Backbone::vgg16, from_vgg16};
    if (has("_conv_stem.weight")) return {Backbone::light, from_lite0};
    fail(what,
         " holds no backbone known here: names of ResNet-50, VGG-16 (torchvision, timm), EfficientNet-Lite0 or a PurNet are expected");
}

Rename without_prefix(bool prefixed, Rename rename) {
    if (!prefixed) return rename;
    return [rename = std::move(rename)](const std::string& name) {
        const std::string own = name.substr(parallel_prefix.size());
        return rename ? rename(own) : own;
    };
}

}  // namespace

LoadReport load_extractor(PurNet& net, NamedArrays&& arrays, const std::string& what) {
    const bool prefixed = all_prefixed(arrays);
    const auto has = [&](const char* name) { return arrays.contains(prefixed ? std::string(parallel_prefix) + name : std::string(name)); };
    Source source = recognise(has, what);
    require(source.backbone == net.config().backbone, what, " holds the backbone ", name_of(source.backbone), ", but the network's is ",
            name_of(net.config().backbone));
    LoadOptions options;
    options.rename = without_prefix(prefixed, source.rename);
    options.wanted = [](const Parameter& p) { return part_of(p.name) == Part::extractor; };
    options.source = what;
    LoadReport report = load_state(net.parameters(), std::move(arrays), options);
    require(report.missing.empty(), what, " is no whole ", name_of(source.backbone), ": ", report.text());
    return report;
}

void load_network(PurNet& net, NamedArrays&& arrays, const std::string& what) {
    LoadOptions options;
    options.rename = without_prefix(all_prefixed(arrays), {});
    load_state_exactly(net.parameters(), std::move(arrays), what, options);
}

std::unique_ptr<PurNet> network_of(NamedArrays&& arrays, const std::string& what, Device device, DType activation) {
    NamedArrays named;
    if (all_prefixed(arrays)) {
        named.metadata = arrays.metadata;
        for (size_t i = 0; i < arrays.size(); ++i) named.add(arrays[i].name.substr(parallel_prefix.size()), std::move(arrays[i].array));
    } else {
        named = std::move(arrays);
    }
    PurNetConfig config;
    try {
        config = config_of(named);
    } catch (const Error& error) {
        fail(what, ": ", error.what());
    }
    auto net = std::make_unique<PurNet>(config, device, activation);
    load_network(*net, std::move(named), what);
    return net;
}

NamedArrays weights_of(const PurNet& net, int64_t steps) {
    NamedArrays arrays = state_of(net.parameters(), steps);
    arrays.metadata = to_metadata(net.config());
    return arrays;
}

int64_t copy_common(PurNet& to, const PurNet& from) {
    int64_t copied = 0;
    for (const Parameter& p : from.parameters().all()) {
        Parameter* own = to.parameters().find(p.name);
        if (!own || own->value.shape() != p.value.shape()) continue;
        own->value.copy_from(p.value);
        ++copied;
    }
    return copied;
}

}  // namespace purnet
