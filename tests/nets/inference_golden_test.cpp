// Whole networks in inference mode against float64 results of golden/purnet, parameters by rule.
#include "nets/purnet.h"
#include "tests/support/network_goldens.h"
#include "tests/support/rule_parameters.h"

namespace purnet {
namespace {

using namespace test;

const PurNet::Run everything{.attentions = true};

struct Statistics {
    std::vector<int64_t> shape;
    double mean = 0, l2 = 0, min = 0, max = 0;
};
Statistics statistics_of(const Tensor& t) {
    const std::vector<double> v = t.to_doubles();
    Statistics s{t.shape().vector(), 0, norm(v), v[0], v[0]};
    for (const double x : v) s.mean += x / static_cast<double>(v.size()), s.min = std::min(s.min, x), s.max = std::max(s.max, x);
    return s;
}

// Shape, mean, norm, extremes of every level: to `tolerance` of the level's largest value (its norm: of the norm).
void check_statistics(const Levels& levels, const nlohmann::json& wanted, const char* name, double tolerance) {
    for (size_t i = 0; i < 5; ++i) {
        CAPTURE(name);
        CAPTURE(i);
        const Statistics s = statistics_of(levels[i]);
        const auto& w = wanted[i];
        CHECK(s.shape == w["shape"].get<std::vector<int64_t>>());
        const double largest = std::max(std::abs(w["min"].get<double>()), std::abs(w["max"].get<double>()));
        CHECK(std::abs(s.mean - w["mean"].get<double>()) <= tolerance * largest);
        CHECK(std::abs(s.min - w["min"].get<double>()) <= tolerance * largest);
        CHECK(std::abs(s.max - w["max"].get<double>()) <= tolerance * largest);
        CHECK(std::abs(s.l2 - w["l2"].get<double>()) <= tolerance * w["l2"].get<double>());
    }
}

// float64: equal to the float32 that the golden is stored in; float32: to `tolerance` of the largest value.
void check_map(const Tensor& got, const Array& wanted, const Place& place, double tolerance, const std::string& name) {
    const std::vector<double> w = to_float64(wanted);
    const double deviation = place.exact() ? relative_each(got.to_doubles(), w) : relative_to_largest(got.to_doubles(), w);
    CHECK_MESSAGE(deviation <= (place.exact() ? 6e-8 : tolerance), name << ": " << deviation);
    MESSAGE(std::string(place.name) << " " << name << ": " << deviation);
}

void check_folder(const std::string& folder, const Place& place) {
    const auto root = network_golden("purnet/" + folder);
    if (!root) {
        MESSAGE("skipped: golden/purnet/" << folder << " is absent");
        return;
    }
    const PurNetConfig config;
    PurNet net(config, place.device, place.dtype);
    fill_by_rule(net.parameters());
    const Tensor image = network_input(read_npy(*root / "input_rgb_u8.npy"), config.normalisation, place);
    const PurNet::Outputs out = net(image, everything);
    const auto stats = read_json(*root / "stats.json");
    const double tolerance = place.exact() ? 1e-10 : 1e-5;
    check_statistics(net.extractor()(image, Mode::inference), stats["e"], "e", tolerance);
    check_statistics(out.promotion_attention, stats["ap"], "ap", place.exact() ? 1e-10 : 1e-4);
    check_statistics(out.rectification_attention, stats["ar"], "ar", place.exact() ? 1e-10 : 1e-4);
    const std::pair<const char*, const Levels*> logits[] = {{"z", &out.z}, {"zp", &out.zp}, {"zo", &out.zo}, {"ze", &out.ze}};
    for (const auto& [name, levels] : logits) {
        check_statistics(*levels, stats[name], name, tolerance);
        for (size_t i = 0; i < 5; ++i) {
            const auto file = *root / (name + std::to_string(i + 1) + ".npy");
            if (std::filesystem::exists(file)) check_map((*levels)[i], read_npy(file), place, 1e-5, file.stem().string());
        }
    }
    for (const size_t level : {1u, 5u}) {
        const auto file = *root / ("ap" + std::to_string(level) + ".npy");
        if (std::filesystem::exists(file)) check_map(out.promotion_attention[level - 1], read_npy(file), place, 1e-4, file.stem().string());
    }
    // What the prediction needs, alone.
    CHECK(net.level1(image).to_doubles() == out.z[0].to_doubles());
}

void check_forms(const Place& place) {
    const auto root = network_golden("purnet/forms");
    const auto picture = network_golden("purnet/infer_odd/input_rgb_u8.npy");
    if (!root || !picture) {
        MESSAGE("skipped: golden/purnet/forms is absent");
        return;
    }
    const Array rgb = read_npy(*picture);
    const auto numbers = read_json(*root / "numbers.json");
    struct Form {
        const char* name;
        Backbone backbone;
        int width;
        Ablation ablation;
    };
    for (const Form& form : {Form{"vgg16", Backbone::vgg16, 128, Ablation::full}, Form{"light48", Backbone::light, 48, Ablation::full},
                             Form{"baseline", Backbone::resnet50, 128, Ablation::baseline},
                             Form{"pa", Backbone::resnet50, 128, Ablation::pa}, Form{"ra", Backbone::resnet50, 128, Ablation::ra}}) {
        PurNetConfig config;
        config.backbone = form.backbone;
        config.width = form.width;
        config.ablation = form.ablation;
        config.normalisation = default_normalisation(form.backbone);
        PurNet net(config, place.device, place.dtype);
        fill_by_rule(net.parameters());
        CHECK(net.parameters().count() == numbers[form.name]["parameters"].get<int64_t>());
        const PurNet::Outputs out = net(network_input(rgb, config.normalisation, place), {.promotion = false, .rectification = false});
        const std::vector<double> wanted = to_float64(read_npy(*root / (std::string(form.name) + "_z.npy")));
        const size_t size = wanted.size() / 5;
        for (size_t i = 0; i < 5; ++i) {
            const std::vector<double> got = out.z[i].to_doubles();
            const std::vector<double> level(wanted.begin() + static_cast<std::ptrdiff_t>(i * size),
                                            wanted.begin() + static_cast<std::ptrdiff_t>((i + 1) * size));
            const double deviation = place.exact() ? relative_each(got, level) : relative_to_largest(got, level);
            CHECK_MESSAGE(deviation <= (place.exact() ? 6e-8 : 1e-5), std::string(form.name) << " level " << i + 1 << ": " << deviation);
            MESSAGE(std::string(place.name) << " " << std::string(form.name) << " z" << i + 1 << ": " << deviation);
            const double l2 = numbers[form.name]["l2"][i].get<double>();
            CHECK(std::abs(norm(got) - l2) <= (place.exact() ? 1e-10 : 1e-5) * l2);
        }
    }
}

}  // namespace

TEST_CASE("golden purnet: infer_320 in float32 on the CPU") { check_folder("infer_320", cpu_place); }
TEST_CASE("golden purnet: infer_odd in float32 on the CPU") { check_folder("infer_odd", cpu_place); }
TEST_CASE("golden purnet: infer_odd in float64 on the reference device") { check_folder("infer_odd", reference_place); }
TEST_CASE("golden purnet: forms in float32 on the CPU") { check_forms(cpu_place); }
TEST_CASE("golden purnet: forms in float64 on the reference device") { check_forms(reference_place); }

TEST_CASE("purnet: only the outputs asked for are made, and they are the same ones") {
    PurNetConfig config;
    config.backbone = Backbone::light;
    config.width = 8;
    config.normalisation = default_normalisation(config.backbone);
    PurNet net(config);
    fill_by_rule(net.parameters());
    std::vector<float> pixels(33 * 45 * 3);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(static_cast<int>(i * 37 % 255) - 127) / 128.0f;
    const Tensor image = Tensor::from(pixels.data(), {1, 33, 45, 3});
    const PurNet::Outputs all = net(image, everything);
    const PurNet::Outputs promotion = net(image, {.main = false, .rectification = false});
    const PurNet::Outputs main = net(image, {.promotion = false, .rectification = false, .levels = 2});
    CHECK(promotion.zp[4].to_floats() == all.zp[4].to_floats());
    CHECK_FALSE(promotion.z[0].defined());
    CHECK_FALSE(promotion.zo[0].defined());
    CHECK(main.z[1].to_floats() == all.z[1].to_floats());
    CHECK_FALSE(main.z[2].defined());
    CHECK_FALSE(main.zp[0].defined());
    CHECK(all.z[0].shape() == Shape{1, 33, 45, 1});
    std::vector<float> tiny(31 * 45 * 3);
    CHECK_THROWS_WITH_AS(net.level1(Tensor::from(tiny.data(), {1, 31, 45, 3})), doctest::Contains("H and W of 32 and more"), Error);
    // promotion_gain: the attention's mean is 1.
    config.promotion_gain = PromotionGain::mean;
    PurNet strong(config);
    fill_by_rule(strong.parameters());
    for (const Tensor& attention : strong(image, everything).promotion_attention) {
        double mean = 0;
        for (const double v : attention.to_doubles()) mean += v / static_cast<double>(attention.count());
        CHECK(mean == doctest::Approx(1).epsilon(1e-5));
    }
}

}  // namespace purnet
