#include "apps/salient/inspection.h"

#include <cmath>

#include "apps/salient/input.h"
#include "core/ops/activation.h"

namespace purnet {
namespace {

std::vector<float> mean_over_channels(const Tensor& x, bool absolute) {
    const std::vector<float> values = x.to_floats();
    const size_t channels = static_cast<size_t>(x.size(-1));
    std::vector<float> mean(values.size() / channels);
    for (size_t i = 0; i < mean.size(); ++i) {
        double sum = 0;
        for (size_t c = 0; c < channels; ++c) sum += absolute ? std::fabs(values[i * channels + c]) : values[i * channels + c];
        mean[i] = static_cast<float>(sum / static_cast<double>(channels));
    }
    return mean;
}

}  // namespace

Maps inspect(const PurNet& net, const uint8_t* rgb, int side) {
    const Tensor input = network_input(net, rgb, 1, side, side);
    PurNet::Run run;
    run.promotion = false;
    run.attentions = true;
    const PurNet::Outputs outputs = net(input, run);
    Maps maps;
    maps.side = side;
    for (size_t i = 0; i < 5; ++i) {
        maps.levels[i] = ops::sigmoid(outputs.z[i]).to_floats();
        for (const auto* attention : {&outputs.promotion_attention[i], &outputs.rectification_attention[i]})
            if (*attention) {
                maps.attention_height[i] = static_cast<int>(attention->size(1));
                maps.attention_width[i] = static_cast<int>(attention->size(2));
            }
        if (outputs.promotion_attention[i]) maps.promotion[i] = mean_over_channels(outputs.promotion_attention[i], false);
        if (outputs.rectification_attention[i]) maps.rectification[i] = mean_over_channels(outputs.rectification_attention[i], true);
        if (outputs.ze[i]) maps.error[i] = ops::tanh(outputs.ze[i]).to_floats();
    }
    maps.map = maps.levels[0];
    return maps;
}

}  // namespace purnet
