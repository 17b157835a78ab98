#include "nets/purnet.h"

#include "core/ops/activation.h"
#include "core/ops/binary.h"
#include "core/ops/promotion.h"
#include "core/ops/rectify.h"
#include "core/tape.h"
#include "nets/lite0.h"
#include "nets/resnet50.h"
#include "nets/vgg16.h"

namespace purnet {
namespace {

// The light extractor's statistics from a file were gathered over many more pictures than a short training shows.
constexpr double momentum_of_fresh_statistics = 0.1, momentum_of_loaded_statistics = 0.01;

std::unique_ptr<Extractor> make_extractor(const PurNetConfig& config, const Scope& scope) {
    switch (config.backbone) {
        case Backbone::resnet50: return std::make_unique<ResNet50>(scope);
        case Backbone::vgg16: return std::make_unique<Vgg16>(scope);
        case Backbone::light:
            return std::make_unique<Lite0>(scope, config.pretrained ? momentum_of_loaded_statistics : momentum_of_fresh_statistics);
    }
    fail("unnamed backbone");
}

std::string numbered(const std::string& before, int level, const std::string& after = "") { return before + std::to_string(level) + after; }

// Lists hold levels 5 .. 1.
template <class T>
const T& at_level(const std::vector<T>& list, size_t index) {
    return list[4 - index];
}

}  // namespace

PurNet::Promotion::Promotion(const Scope& scope, const std::array<int64_t, 5>& channels, int width)
    : decoder(scope, "oa_", channels, width) {
    for (int level = 5; level >= 1; --level) classifiers.emplace_back(scope / numbered("oa_predict", level), width, level);
}

PurNet::Branch::Branch(const Scope& scope, int width)
    : first(scope, 0, width, width, 3), second(scope, 3, width, width, 3), third(scope, 6, width, width, 1) {}

PurNet::Rectification::Rectification(const Scope& scope, const std::array<int64_t, 5>& channels, int width)
    : decoder(scope, "ea_", channels, width) {
    for (int i = 5; i >= 1; --i)
        branches.push_back(
            {Branch(scope / numbered("ea_pre_predict", i, "_g"), width), Branch(scope / numbered("ea_e_pre_predict", i, "_e"), width)});
    for (int i = 5; i >= 1; --i)
        heads.push_back({Head(scope / numbered("ea_predict", i, "_g"), width), Head(scope / numbered("ea_e_predict", i, "_e"), width)});
    for (int i = 5; i >= 1; --i)
        upsamplers.push_back({upsampler(scope / numbered("ea_predict", i, "_g_upscore"), i),
                              upsampler(scope / numbered("ea_e_predict", i, "_e_upscore"), i)});
}

PurNet::PurNet(const PurNetConfig& config, Device device, DType activation, Values values)
    : config_(config), store_(device, activation, values) {
    check(config);
    const Scope scope(store_);
    const int width = config.width;
    extractor_ = make_extractor(config, scope);
    const std::array<int64_t, 5> channels = extractor_->channels();
    main_.emplace(scope, "", channels, width);
    for (int level = 5; level >= 1; --level) classifiers_.emplace_back(scope / numbered("predict", level), width, level);
    if (!config.stage1)
        for (int level = 5; level >= 1; --level) purify_.emplace_back(scope / numbered("feature_upscore", level, "_2"), 0, width, width, 3);
    if (config.has_rectification()) rectification_.emplace(scope, channels, width);
    if (config.has_promotion()) promotion_.emplace(scope, channels, width);
}

double PurNet::gain(const Tensor& f) const {
    return config_.promotion_gain == PromotionGain::one ? 1 : static_cast<double>(f.size(1) * f.size(2) * f.size(3));
}

PurNet::Outputs PurNet::operator()(const Tensor& image, const Run& run) const {
    require(image.shape().rank() == 4 && image.size(3) == 3 && image.size(1) >= 32 && image.size(2) >= 32,
            "the network's input is N x H x W x 3 with H and W of 32 and more, not ", image.shape());
    const int64_t h = image.size(1), w = image.size(2);
    const auto mode = [&](Part part) { return run.fixed.has(part) ? Mode::inference : run.mode; };
    const Mode main_mode = mode(Part::main), promotion_mode = mode(Part::promotion), rectification_mode = mode(Part::rectification);
    const bool promoting = promotion_ && (run.main || run.promotion || run.attentions);
    const bool rectifying = rectification_ && (run.main || run.rectification || run.attentions);

    Levels extracted;
    {
        std::optional<NoGrad> fixed;
        if (run.fixed.has(Part::extractor)) fixed.emplace();
        extracted = (*extractor_)(image, mode(Part::extractor));
    }
    const Levels f = run.main ? (*main_)(extracted, main_mode) : Levels{};
    const Levels fp = promoting ? promotion_->decoder(extracted, promotion_mode) : Levels{};
    const Levels fr = rectifying ? rectification_->decoder(extracted, rectification_mode) : Levels{};

    Outputs out;
    for (size_t i = 0; i < static_cast<size_t>(run.levels); ++i) {
        Tensor statistics, e;
        if (promoting) {
            statistics = ops::promotion_statistics(fp[i], gain(fp[i]));
            if (run.attentions) out.promotion_attention[i] = ops::promotion_attention(fp[i], statistics);
            if (run.promotion)
                out.zp[i] = at_level(promotion_->classifiers, i)(ops::promote(fp[i], fp[i], statistics, gain(fp[i])), promotion_mode, h, w);
        }
        if (rectifying) {
            const auto& branch = at_level(rectification_->branches, i);
            const Tensor object = branch.object(fr[i], rectification_mode);
            e = ops::sub(branch.gross(fr[i], rectification_mode), object);
            if (run.attentions) {
                NoGrad off;
                out.rectification_attention[i] = ops::tanh(e);
            }
            if (run.rectification) {
                const auto& heads = at_level(rectification_->heads, i);
                const auto& up = at_level(rectification_->upsamplers, i);
                out.zo[i] = up.object(heads.object(ops::rectify(object, e), rectification_mode), h, w);
                out.ze[i] = up.error(heads.error(e, rectification_mode), h, w);
            }
        }
        if (run.main) {
            Tensor feature = f[i];
            if (!config_.stage1) {
                if (promoting) feature = ops::promote(feature, fp[i], statistics, gain(fp[i]));
                feature = at_level(purify_, i)(feature, main_mode);
                if (rectifying) feature = ops::rectify(feature, e);
            }
            out.z[i] = at_level(classifiers_, i)(feature, main_mode, h, w);
        }
    }
    return out;
}

Tensor PurNet::level1(const Tensor& image) const { return (*this)(image, {.promotion = false, .rectification = false, .levels = 1}).z[0]; }

Tensor PurNet::map(const Tensor& image) const { return ops::sigmoid(level1(image)); }

}  // namespace purnet
