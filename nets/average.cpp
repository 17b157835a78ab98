#include "nets/average.h"

namespace purnet {
namespace {

void check_relative(PurNet& net, const std::string& name, PurNet& other) {
    const PurNetConfig &own = net.config(), &its = other.config();
    require(own.backbone == its.backbone, name, ": is of backbone ", name_of(its.backbone), ", the first network of ",
            name_of(own.backbone));
    require(own.normalisation == its.normalisation, name, ": normalises pictures otherwise than the first network");
    require(!own.has_promotion() || !its.has_promotion() || own.promotion_gain == its.promotion_gain, name,
            ": was trained with --promotion-gain ", name_of(its.promotion_gain), ", the first network with ", name_of(own.promotion_gain));
    for (const Parameter& p : other.parameters().all()) {
        const Parameter* mine = net.parameters().find(p.name);
        require(mine, name, ": has ", p.name, ", which the first network lacks; name the larger network first");
        require(mine->value.shape() == p.value.shape(), name, ": ", p.name, " is ", p.value.shape(), ", in the first network ",
                mine->value.shape());
    }
}

}  // namespace

void average_into(PurNet& net, const std::vector<std::pair<std::string, PurNet*>>& others) {
    for (const auto& [name, other] : others) check_relative(net, name, *other);
    for (Parameter& p : net.parameters().all()) {
        std::vector<double> sum = p.value.to_doubles();
        int n = 1;
        for (const auto& [name, other] : others)
            if (const Parameter* its = other->parameters().find(p.name)) {
                const std::vector<double> values = its->value.to_doubles();
                for (size_t i = 0; i < sum.size(); ++i) sum[i] += values[i];
                ++n;
            }
        float* const mean = p.value.data<float>();
        for (size_t i = 0; i < sum.size(); ++i) mean[i] = static_cast<float>(sum[i] / n);
    }
}

}  // namespace purnet
