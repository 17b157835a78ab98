#include "data/loader/prepare.h"

#include <algorithm>
#include <cstdlib>

#include "data/superpixels/slic.h"
#include "kernels/augment/augment.h"
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
    prepared.colours = count_colours(prepared.rgb);
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

void Prepared::add_to(Unaugmented& source, const Augmentation& augmentation) const {
    source.side = rgb.width;
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(source.rgb, rgb.pixels);
    append(source.mask, mask.pixels);
    append(source.labels, labels);
    const size_t at = source.changes.size();
    source.changes.resize(at + augment::change_bytes(rgb.height));
    write_change(augmentation, rgb.width, rgb.height, colours, source.changes.data() + at);
}

}  // namespace purnet
