#include "data/loader/prepare.h"

#include <algorithm>
#include <cstdlib>

#include "data/superpixels/slic.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/error.h"
#include "kernels/structural/structural.h"

namespace purnet {

void check_pair(const std::string& name, const Image& image, const Image& mask) {
    require(std::abs(int64_t{image.width} * mask.height - int64_t{image.height} * mask.width) <=
                int64_t{2} * std::max(image.width, image.height),
            name, ": the mask is ", mask.width, " x ", mask.height, ", its picture ", image.width, " x ", image.height);
}

void check_labels(const std::string& name, const LabelMap& labels) {
    const int32_t highest = *std::max_element(labels.pixels.begin(), labels.pixels.end());
    require(highest < structural::most_regions, name, ": region label ", highest, " is beyond ", structural::most_regions - 1,
            ", the last that the structural loss takes: number the regions from 0 on without gaps, or leave the labels out");
}

Prepared prepare(const DataSet& set, size_t item, int side, int superpixels, double compactness, SuperpixelCache* cache) {
    const Image image = set.read_image(item), mask = set.read_mask(item);
    check_pair(set.name(item), image, mask);
    Prepared prepared;
    prepared.rgb = Image(side, side, 3);
    prepared.mask = Image(side, side, 1);
    resize_bilinear(image.pixels.data(), image.height, image.width, 3, prepared.rgb.pixels.data(), side, side);
    resize_nearest(mask.pixels.data(), mask.height, mask.width, 1, prepared.mask.pixels.data(), side, side);
    if (superpixels > 0 && set.has_labels(item)) {
        const LabelMap labels = set.read_labels(item);
        check_labels(set.name(item), labels);
        LabelMap resized(side, side, 1);
        resize_nearest(labels.pixels.data(), labels.height, labels.width, 1, resized.pixels.data(), side, side);
        prepared.labels.assign(resized.pixels.begin(), resized.pixels.end());
    } else if (superpixels > 0) {
        const SlicOptions options{.regions = superpixels, .compactness = compactness};
        const Superpixels regions = cache ? cache->get(prepared.rgb, options) : slic(prepared.rgb, options);
        require(regions.count <= structural::most_regions, set.name(item), ": ", superpixels, " superpixels became ", regions.count,
                ", the structural loss takes ", structural::most_regions, ": ask for fewer");
        prepared.labels.assign(regions.labels.pixels.begin(), regions.labels.pixels.end());
    }
    return prepared;
}

Sample sample_of(const Prepared& picture, int side, const AugmentOptions& options, RandomDraws& random) {
    Sample sample{picture.rgb, picture.mask, {}};
    const int full = picture.rgb.width;
    if (!picture.labels.empty()) {
        sample.labels = LabelMap(full, full, 1);
        std::copy(picture.labels.begin(), picture.labels.end(), sample.labels.pixels.begin());
    }
    apply(sample, draw_augmentation(options, random));
    if (side == full) return sample;
    Sample scaled{Image(side, side, 3), Image(side, side, 1), {}};
    resize_bilinear(sample.rgb.pixels.data(), full, full, 3, scaled.rgb.pixels.data(), side, side);
    resize_nearest(sample.mask.pixels.data(), full, full, 1, scaled.mask.pixels.data(), side, side);
    if (!sample.labels.empty()) {
        scaled.labels = LabelMap(side, side, 1);
        resize_nearest(sample.labels.pixels.data(), full, full, 1, scaled.labels.pixels.data(), side, side);
    }
    return scaled;
}

}  // namespace purnet
