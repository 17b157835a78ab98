// Names, shapes, counts and configurations of every form.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/formats/safetensors.h"
#include "nets/init.h"
#include "nets/name_maps.h"
#include "tests/support/refused.h"
#include "tests/support/rule_parameters.h"
#include "tests/support/shared.h"

namespace purnet {
namespace {

PurNetConfig form(Backbone backbone, int width, Ablation ablation, bool stage1 = false) {
    PurNetConfig config;
    config.backbone = backbone;
    config.width = width;
    config.ablation = ablation;
    config.stage1 = stage1;
    config.normalisation = default_normalisation(backbone);
    return config;
}

struct NamedForm {
    const char* name;
    PurNetConfig config;
    int64_t parameters;
    size_t tensors;
};
// Figures of golden/purnet/forms/numbers.json and of the specification, 1.6.
const std::vector<NamedForm>& named_forms() {
    static const std::vector<NamedForm> forms = {
        {"full", form(Backbone::resnet50, 128, Ablation::full), 35528122, 1200},
        {"vgg16", form(Backbone::vgg16, 128, Ablation::full), 25972922, 908},
        {"light48", form(Backbone::light, 48, Ablation::full), 4530330, 1170},
        {"baseline", form(Backbone::resnet50, 128, Ablation::baseline), 26690653, 527},
        {"pa", form(Backbone::resnet50, 128, Ablation::pa), 29134069, 696},
        {"ra", form(Backbone::resnet50, 128, Ablation::ra), 33084706, 1031},
    };
    return forms;
}

}  // namespace

TEST_CASE("purnet: parameters and tensors of every form are those of the specification") {
    for (const NamedForm& f : named_forms()) {
        CAPTURE(f.name);
        PurNet net(f.config);
        CHECK(net.parameters().count() == f.parameters);
        const NamedArrays state = state_of(net.parameters(), 0);
        CHECK(state.size() == f.tensors);
        CHECK(config_of(state) == f.config);
    }
    CHECK(PurNet(form(Backbone::resnet50, 128, Ablation::full, true)).parameters().count() == 25951448);
    int64_t lite = 0;
    const PurNet light(form(Backbone::light, 8, Ablation::baseline));
    for (const Parameter& p : light.parameters().all())
        if (part_of(p.name) == Part::extractor && !p.statistic) lite += p.value.count();
    CHECK(lite == 2958848);
}

TEST_CASE("purnet: the state dict has the published names, shapes and order") {
    const auto path = test::shared_path("spec/official_state_dict.txt");
    if (!path) {
        MESSAGE("skipped: no shared material");
        return;
    }
    const PurNet net(PurNetConfig{});
    const NamedArrays state = state_of(net.parameters(), 0);
    std::ifstream file(*path);
    size_t i = 0;
    for (std::string line; std::getline(file, line) && !line.empty(); ++i) {
        std::istringstream words(line);
        std::string name, shape, dtype;
        words >> name >> shape >> dtype;
        REQUIRE(i < state.size());
        std::string own;
        for (const int64_t extent : state[i].array.shape) own += (own.empty() ? "" : "x") + std::to_string(extent);
        CHECK(state[i].name == name);
        CHECK((own.empty() ? "scalar" : own) == shape);
        CHECK(std::string(name_of(state[i].array.dtype)) == dtype);
    }
    CHECK(i == state.size());
}

TEST_CASE("purnet: a configuration survives its metadata; contradictions are refused") {
    PurNetConfig config = form(Backbone::light, 24, Ablation::pm);
    config.promotion_gain = PromotionGain::mean;
    config.pretrained = true;
    config.size = 224;
    config.normalisation.mean = {126.5f, 0.1f, 1e-7f};
    const PurNet net(config);
    NamedArrays state = weights_of(net, 0);
    CHECK(config_of(state) == config);
    const auto with = [&](const char* key, const char* value) {
        state.metadata = to_metadata(config);
        state.metadata[key] = value;
        return test::message_of([&] { config_of(state); });
    };
    CHECK(with("width", "48").find("the metadata say width 48, but the tensors have 24") == 0);
    CHECK(with("backbone", "vgg16").find("light") != std::string::npos);
    CHECK(with("backbone", "vgg17").find("choose one of resnet50, vgg16, light") != std::string::npos);
    CHECK(with("ablation", "pa").find("ablation pa") != std::string::npos);
    CHECK(with("form", "stage1").find("other form") != std::string::npos);
    CHECK(with("size", "1e99").find("whole number") != std::string::npos);
    CHECK(with("size", "16").find("32 to 8192") != std::string::npos);
    CHECK(with("normalisation", "255; 1 2 3; 1 0 1").find("positive") != std::string::npos);
    CHECK(with("normalisation", "255; 1 2").find("three means") != std::string::npos);
    CHECK(with("network", "san").find("\"san\"") != std::string::npos);
    REFUSED(config_of(NamedArrays()), "no weights of a PurNet");
    NamedArrays hollow;  // names and a width, no values: a few hundred bytes that would have gigabytes allocated
    hollow.add("lite0._conv_stem.weight", make_array<float>({0}, std::vector<float>()));
    hollow.add("convert1.0.weight", make_array<float>({4096, 0, 1, 1}, std::vector<float>()));
    REFUSED(config_of(hollow), "too few for decoders of 4096 channels");
    PurNetConfig broken = config;
    broken.width = 0;
    REFUSED(PurNet{broken}, "from 1 to 4096");
}

TEST_CASE("normalisation: a byte's value is rounded once") {
    const auto resnet = default_normalisation(Backbone::resnet50).table();
    CHECK(resnet[0][255] == (1.0 - static_cast<double>(0.4923f)) / static_cast<double>(0.2737f));
    CHECK(default_normalisation(Backbone::light).table()[2][127] == 0);
    CHECK(default_normalisation(Backbone::light).table()[1][255] == 1);
}

TEST_CASE("init: ranges, moments, the bilinear kernel, and every value a function of seed and name") {
    PurNet net(form(Backbone::light, 16, Ablation::full)), other(form(Backbone::light, 16, Ablation::pa)),
        third(form(Backbone::light, 16, Ablation::pa));
    initialise(net.parameters(), 1);
    initialise(other.parameters(), 1);
    initialise(third.parameters(), 2);
    for (const Parameter& p : other.parameters().all()) {
        CAPTURE(p.name);
        const Parameter* same = net.parameters().find(p.name);
        REQUIRE(same);
        CHECK(p.value.to_floats() == same->value.to_floats());
    }
    const auto values = [&](const char* name) { return net.parameters().find(name)->value.to_floats(); };
    CHECK(values("predict1.0.weight") != third.parameters().find("predict1.0.weight")->value.to_floats());
    const float bound = 1.0f / std::sqrt(9.0f * 16.0f);
    float largest = 0;
    for (const float v : values("predict1.0.weight")) largest = std::max(largest, std::abs(v));
    CHECK(largest <= bound);
    CHECK(largest > 0.98f * bound);
    for (const float v : values("predict1.0.bias")) CHECK(std::abs(v) <= bound);
    CHECK(values("predict1.2.weight") == std::vector<float>{0.25f});
    CHECK(values("predict1.1.weight") == std::vector<float>(16, 1.0f));
    CHECK(values("predict1.1.bias") == std::vector<float>(16, 0.0f));
    CHECK(values("predict1.1.running_var") == std::vector<float>(16, 1.0f));
    const auto moment = [&](const char* name, double deviation) {
        double square = 0;
        const auto v = values(name);
        for (const float x : v) square += static_cast<double>(x) * static_cast<double>(x);
        CHECK(std::sqrt(square / static_cast<double>(v.size())) == doctest::Approx(deviation).epsilon(0.05));
    };
    moment("lite0._blocks.15._project_conv.weight", std::sqrt(2.0 / 320));
    moment("lite0._blocks.15._depthwise_conv.weight", std::sqrt(2.0 / 9));
    const auto up = values("feature_upscore3.3.weight");  // 16,4,4,16
    for (size_t i = 0; i < 16; ++i)
        for (size_t o = 0; o < 16; ++o) {
            CHECK(up[((i * 4 + 1) * 4 + 2) * 16 + o] == (i == o ? 0.5625f : 0.0f));
            CHECK(up[((i * 4 + 0) * 4 + 3) * 16 + o] == (i == o ? 0.0625f : 0.0f));
        }
}

TEST_CASE("rule parameters: the published vectors") {
    const auto path = test::shared_path("golden/purnet/rule_vectors.json");
    if (!path) {
        MESSAGE("skipped: no shared material");
        return;
    }
    const auto vectors = nlohmann::json::parse(std::ifstream(*path));
    for (const auto& vector : vectors.items()) {
        const std::string& name = vector.key();
        const auto& wanted = vector.value();
        CAPTURE(name);
        const std::vector<double> v = test::rule_values(name, wanted["shape"].get<std::vector<int64_t>>());
        double sum = 0, square = 0;
        for (const double x : v) sum += x, square += x * x;
        const auto first = wanted["first"].get<std::vector<double>>();
        for (size_t i = 0; i < first.size(); ++i) CHECK(v[i] == first[i]);
        CHECK(std::abs(sum - wanted["sum"].get<double>()) < 1e-9);
        CHECK(std::sqrt(square) == doctest::Approx(wanted["l2"].get<double>()).epsilon(1e-12));
    }
}

TEST_CASE("name maps: torchvision's ResNet-50 and VGG-16 and the Lite0 package fill the extractor") {
    struct Foreign {
        Backbone backbone;
        std::function<std::string(const std::string&)> rename;
        std::vector<std::string> head;
    };
    const std::vector<Foreign> files = {
        {Backbone::resnet50,
         [](const std::string& n) {
             if (n.starts_with("layer0.0.")) return "conv1." + n.substr(9);
             return n.starts_with("layer0.1.") ? "bn1." + n.substr(9) : n;
         },
         {"fc.weight", "fc.bias"}},
        {Backbone::vgg16, [](const std::string& n) { return n.substr(4); }, {"classifier.0.weight", "head.fc.bias"}},
        {Backbone::light, [](const std::string& n) { return n.substr(6); }, {"_conv_head.weight", "_bn1.running_mean", "_fc.bias"}},
    };
    for (const Foreign& f : files) {
        CAPTURE(name_of(f.backbone));
        PurNet from(form(f.backbone, 4, Ablation::baseline)), to(form(f.backbone, 4, Ablation::baseline));
        test::fill_by_rule(from.parameters());
        for (const bool prefixed : {false, true}) {
            const std::string prefix = prefixed ? "module." : "";
            NamedArrays file;
            for (const auto& [name, array] : state_of(from.parameters(), 3))
                if (part_of(name) == Part::extractor) file.add(prefix + f.rename(name), array);
            for (const std::string& name : f.head) file.add(prefix + name, Array(FileDType::f32, {5}));
            file.add(prefix + "extra", Array(FileDType::f32, {1}));
            const LoadReport report = load_extractor(to, std::move(file), "w.pth");
            CHECK(report.missing.empty());
            CHECK(report.left_over == std::vector<std::string>{prefix + "extra"});
        }
        for (const Parameter& p : to.parameters().all())
            if (part_of(p.name) == Part::extractor) CHECK(p.value.to_floats() == from.parameters().find(p.name)->value.to_floats());
    }
    PurNet net(form(Backbone::vgg16, 4, Ablation::baseline));
    NamedArrays lite;
    lite.add("_conv_stem.weight", Array(FileDType::f32, {32, 3, 3, 3}));
    REFUSED(load_extractor(net, std::move(lite), "w.pth"), "w.pth holds the backbone light, but the network's is vgg16");
    NamedArrays part;
    part.add("features.0.weight", Array(FileDType::f32, {64, 3, 3, 3}));
    REFUSED(load_extractor(net, std::move(part), "w.pth"), "w.pth is no whole vgg16: loaded 1 tensors, 25 missing");
    REFUSED(load_extractor(net, NamedArrays(), "w.pth"), "holds no backbone known here");
}

TEST_CASE("name maps: a network comes back from its own file; stage 1 carries over into the later network") {
    const PurNetConfig config = form(Backbone::light, 8, Ablation::full);
    PurNetConfig first = config;
    first.stage1 = true;
    PurNet stage1(first), later(config);
    test::fill_by_rule(stage1.parameters());
    NamedArrays file = state_of(stage1.parameters(), 12);
    const size_t tensors = file.size();
    const auto back = network_of(std::move(file), "w.safetensors");
    CHECK(back->config() == first);
    CHECK(state_of(back->parameters(), 12).size() == tensors);
    for (const Parameter& p : stage1.parameters().all()) CHECK(back->parameters().find(p.name)->value.to_floats() == p.value.to_floats());
    CHECK(copy_common(later, stage1) == static_cast<int64_t>(stage1.parameters().all().size()));
    CHECK(later.parameters().find("predict1.0.weight")->value.to_floats() ==
          stage1.parameters().find("predict1.0.weight")->value.to_floats());
    NamedArrays other = state_of(later.parameters(), 0);
    other.add("surplus", Array(FileDType::f32, {1}));
    REFUSED(network_of(std::move(other), "w.safetensors"), "1 left over (surplus)");
}

}  // namespace purnet
