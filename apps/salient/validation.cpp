#include "apps/salient/validation.h"

#include <cmath>

#include "apps/salient/input.h"
#include "core/plan/plan.h"
#include "data/loader/prepare.h"
#include "data/metrics/validation.h"
#include "kernels/resize/resize_bytes.h"

namespace purnet {

Validator::Validator(const DataSet& set, const std::vector<int64_t>& items, int side) : side_(side) {
    for (int64_t index : items) {
        const Image rgb = set.read_image(static_cast<size_t>(index));
        Picture picture;
        picture.rgb.resize(static_cast<size_t>(side) * static_cast<size_t>(side) * 3);
        resize_bilinear(rgb.pixels.data(), rgb.height, rgb.width, 3, picture.rgb.data(), side, side);
        picture.mask = set.read_mask(static_cast<size_t>(index));
        check_pair(set.name(static_cast<size_t>(index)), rgb, picture.mask);
        pictures_.push_back(std::move(picture));
    }
}

Image Validator::picture(size_t i) const {
    Image image(side_, side_, 3);
    image.pixels.assign(pictures_[i].rgb.begin(), pictures_[i].rgb.end());
    return image;
}

ValidationFigures Validator::run(const PurNet& net) const {
    const Device device = net.parameters().device();
    const Tensor like = Tensor::symbolic({1, side_, side_, 3}, DType::u8, device);
    Plan plan({like}, [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{net.map(network_input(net, in[0]))}; });
    metrics::Validation figures;
    std::vector<float> full;
    for (const Picture& picture : pictures_) {
        const std::vector<float> map = plan.run({bytes_on(device, picture.rgb.data(), like.shape())})[0].to_floats();
        full.resize(picture.mask.pixels.size());
        resize_map(map.data(), side_, side_, full.data(), picture.mask.height, picture.mask.width);
        // A network that diverged has no map: the worst figures, not an error, so that training can go on or stop by its own rule.
        for (float& v : full)
            if (!std::isfinite(v)) v = 0;
        figures.add(full.data(), picture.mask.pixels.data(), picture.mask.width, picture.mask.height);
    }
    return {figures.mae(), figures.max_f(), figures.images()};
}

}  // namespace purnet
