#include "data/source/dataset.h"

#include <algorithm>
#include <iterator>

#include "core/formats/mat.h"
#include "core/formats/npy.h"
#include "kernels/runtime/error.h"

namespace purnet {

Image DataSet::read_image(size_t i) const {
    const FileRef& file = pairs_.at(i).image;
    return decode_rgb(file.read(), file.shown(), limits_);
}

Image DataSet::read_mask(size_t i) const {
    const FileRef& file = pairs_.at(i).mask;
    return decode_grey(file.read(), file.shown(), limits_);
}

LabelMap DataSet::read_labels(size_t i) const {
    const FileRef& file = pairs_.at(i).labels;
    return decode_labels(file.read(), file.shown(), limits_);
}

Image DataSet::read_image_reduced(size_t i, int at_least) const {
    const FileRef& file = pairs_.at(i).image;
    return decode_rgb_reduced(file.read(), file.shown(), at_least, limits_);
}

std::string DataSet::describe() const {
    std::string text;
    for (const std::string& line : found_) text += (text.empty() ? "" : "\n") + line;
    return text;
}

void DataSet::add_left_out(LeftOut files) {
    const auto append = [](std::vector<FileRef>& to, std::vector<FileRef>& from) {
        to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
    };
    append(left_out_.pictures, files.pictures);
    append(left_out_.masks, files.masks);
    append(left_out_.superfluous, files.superfluous);
}

DataSet DataSet::subset(const std::vector<size_t>& indices) const {
    DataSet result;
    result.limits_ = limits_;
    for (const size_t i : indices) result.add(pairs_.at(i));
    result.add_found(concat(indices.size(), " of ", size(), " pairs"));
    return result;
}

LabelMap decode_labels(const std::vector<uint8_t>& bytes, const std::string& name, const DecodeLimits& limits) {
    LabelMap map;
    const std::string suffix = suffix_of(name);
    if (suffix == "npy" || suffix == "mat") {
        const ByteSource source(bytes, name);
        // "sp" is what the published code of PurNet reads.
        const Array array = suffix == "npy" ? decode_npy(source) : decode_mat(source, "sp", limits.max_pixels);
        require(array.shape.size() == 2 && array.shape[0] > 0 && array.shape[1] > 0, name,
                ": region labels must be rows x columns, this is ", describe(array));
        require(array.shape[0] <= INT32_MAX && array.shape[1] <= INT32_MAX && array.shape[0] <= limits.max_pixels / array.shape[1], name,
                ": it declares ", array.shape[1], " x ", array.shape[0], " pixels, more than the limit of ", limits.max_pixels);
        map.width = static_cast<int>(array.shape[1]);
        map.height = static_cast<int>(array.shape[0]);
        map.channels = 1;
        map.pixels = to_int32(array);
    } else {
        map = decode_labels_png(bytes, name, limits);
    }
    for (const int32_t label : map.pixels) require(label >= 0, name, ": a region label is ", label, ", below 0");
    return map;
}

}  // namespace purnet
