#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/purnet/command.h"
#include "apps/purnet/notes.h"
#include "apps/purnet/tuning.h"
#include "apps/run/computing_device.h"
#include "apps/salient/predictor.h"
#include "core/formats/weights_file.h"
#include "core/plan/graph.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/parallel.h"
#include "nets/name_maps.h"

namespace purnet::app {
namespace {

struct Settings {
    std::string weights, backbone = "resnet50", ablation = "full", precision = "f32";
    int width = 128, size = 0;
    bool stage1 = false, all_outputs = false, plan = false, layers = false, json = false;
    Tuning tuning;
};

using Notes = std::map<std::string, std::string>;

// On one line of a terminal, whatever the file holds.
std::string one_line(std::string text) {
    constexpr size_t longest = 500;
    if (text.size() > longest) text = text.substr(0, longest) + "...";
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
    return text;
}

std::unique_ptr<PurNet> network(const Settings& s, Device device = {}, DType activation = DType::f32, Notes* notes = nullptr) {
    if (!s.weights.empty()) {
        NamedArrays arrays = load_named_arrays(s.weights);
        if (notes)
            for (const auto& [key, value] : arrays.metadata)
                if (is_note(key)) (*notes)[key] = value;
        return network_of(std::move(arrays), s.weights, device, activation);
    }
    PurNetConfig config;
    config.backbone = backbone_named(s.backbone);
    config.ablation = ablation_named(s.ablation);
    config.width = s.width;
    config.stage1 = s.stage1;
    config.normalisation = default_normalisation(config.backbone);
    check(config);
    return std::make_unique<PurNet>(config, device, activation);
}

int run(const Settings& s) {
    const std::optional<TunedChoices> tuned = s.tuning.choices();
    Notes notes;
    const std::unique_ptr<PurNet> net = network(s, {}, DType::f32, &notes);
    const int side = s.size ? s.size : net->config().size;
    const Tensor image = Tensor::symbolic({1, side, side, 3}, DType::f32, {});
    const Graph graph = trace({image}, [&](const std::vector<Tensor>& in) {
        if (!s.all_outputs) return std::vector<Tensor>{net->level1(in[0])};
        std::vector<Tensor> outputs;
        const PurNet::Outputs all = (*net)(in[0], {});
        for (const Levels* levels : {&all.z, &all.zp, &all.zo, &all.ze})
            for (const Tensor& t : *levels)
                if (t) outputs.push_back(t);
        return outputs;
    });
    double work = 0;
    for (const Step& step : graph.steps) work += multiply_adds(step);
    if (s.json) {
        nlohmann::json json = {{"version", 1}, {"parameters", net->parameters().count()}, {"multiply_adds", work},
                               {"size", side}, {"instruction_set", name_of(isa())},       {"threads", thread_count()}};
        for (const auto& [key, value] : to_metadata(net->config())) json["network"][key] = value;
        if (!s.weights.empty()) json["notes"] = notes;
        std::printf("%s\n", json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
        return all_fine;
    }
    std::printf("device        %s; on the CPU %s, %d threads\n", name_of(computing_device()).c_str(), name_of(isa()), thread_count());
    if (!computing_device().on_host())
        for (const LibraryReport& library : accelerator_libraries())
            std::printf("%-13s %s\n", library.name.c_str(),
                        library.version.empty()
                            ? concat("absent: ", library.detail).c_str()
                            : concat(library.version, ", ", library.detail, "; computes where --tune found it faster").c_str());
    for (const auto& [key, value] : to_metadata(net->config()))
        std::printf("%-13s %s\n", key == "size" ? "stored size" : key.c_str(),
                    key == "ranges" ? concat("of ", net->config().ranges.size(), " convolutions' inputs").c_str() : value.c_str());
    std::printf("parameters    %lld\n", static_cast<long long>(net->parameters().count()));
    std::printf("multiply-adds %.3f G at %d x %d, %s\n", work * 1e-9, side, side, s.all_outputs ? "all outputs" : "level-1 map");
    for (const auto& [key, value] : notes) std::printf("%-20s %s\n", one_line(key).c_str(), one_line(value).c_str());
    if (s.layers) {
        for (const Parameter& p : net->parameters().all())
            std::printf("%-50s %-18s %s\n", p.name.c_str(), p.value.shape().text().c_str(), p.statistic ? "statistic" : "");
    }
    if (s.plan) {
        PredictorOptions options;
        options.size = side;
        options.device = computing_device();
        options.precision = precision_named(s.precision);
        Predictor predictor(network(s, options.device, activation_dtype(options)), options);
        std::printf("%s", predictor.plan_text().c_str());
    }
    return all_fine;
}

}  // namespace

Run add_info(Options& options) {
    auto s = std::make_shared<Settings>();
    options.example("purnet info", "the default network: parameters, multiply-adds");
    options.example("purnet info --weights best.safetensors --plan", "a weights file, and the steps that predict");
    options.group("Network");
    options.value("--weights", s->weights, "FILE", "describe this file instead of the options below");
    options.value("--backbone", s->backbone, "NAME", "extractor")->check(one_of({"resnet50", "vgg16", "light"}));
    options.value("--ablation", s->ablation, "NAME", "form")->check(one_of({"full", "baseline", "pa", "ra", "pm", "ssl"}));
    options.value("--width", s->width, "N", "channels of the decoders")->check(in_range(1, 1024));
    options.flag("--stage1", s->stage1, "the network of the first training stage");
    options.value("--size", s->size, "N", "side of the input; 0: as stored")->check(network_side());
    options.group("What to show");
    options.flag("--all-outputs", s->all_outputs, "count the work of all 20 outputs, not of the level-1 map alone");
    options.flag("--layers", s->layers, "list the parameters");
    options.flag("--plan", s->plan, "list the steps of the inference plan");
    options.flag("--json", s->json, "as JSON");
    options.group("The plan's convolutions");
    options
        .value("--precision", s->precision, "NAME",
               "as predict computes: f32, bf16, on CUDA devices tf32, on the CPU, of weights with ranges, int8")
        ->check(one_of({"f32", "tf32", "bf16", "int8"}));
    s->tuning.add_to(options);
    return [s] { return run(*s); };
}

}  // namespace purnet::app
