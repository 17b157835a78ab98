// Data sets: pairs of a picture and its mask, from wherever people keep them.
//
// A source is
//     a folder                 in any layout that layout.h knows, or with .tar files in it
//     a .tar                   of such a folder, read in place
//     PICTURES:MASKS           two folders
//     a list (.txt, .lst)      one pair a line, "picture mask" (a tab between them where names hold blanks), seen from the list's folder;
//     or names alone, which
//                              pick from the data set that lies in the list's folder. Empty lines and lines that begin with # don't count
//     A,B,C or a/*.tar         several of them
// What was found is said by describe(). Errors are one sentence.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/image/decode.h"
#include "data/image/image.h"
#include "data/source/files.h"
#include "data/source/layout.h"

namespace purnet {

struct SourceOptions {
    Unpaired unpaired = Unpaired::refuse;
    DecodeLimits limits;
};

class DataSet {
public:
    DataSet() = default;

    size_t size() const { return pairs_.size(); }
    const std::string& name(size_t i) const { return pairs_.at(i).name; }
    const Pair& pair(size_t i) const { return pairs_.at(i); }
    bool has_labels(size_t i) const { return pairs_.at(i).labels.present(); }

    // RGB, grey, region labels (of the picture's own size). Any thread may call them. Errors begin with the file's name.
    Image read_image(size_t i) const;
    Image read_mask(size_t i) const;
    LabelMap read_labels(size_t i) const;
    // The picture, perhaps smaller but with sides of at least `at_least` pixels where it has them: see decode_rgb_reduced.
    Image read_image_reduced(size_t i, int at_least) const;

    // One line a source: "sets/00.tar: 1320 pairs (images/ + masks/)", then its remarks.
    std::string describe() const;

    // What lies beside the pairs.
    const LeftOut& left_out() const { return left_out_; }

    // The pairs with these indices, in this order.
    DataSet subset(const std::vector<size_t>& indices) const;

    void add(Pair pair) { pairs_.push_back(std::move(pair)); }
    void add_found(std::string line) { found_.push_back(std::move(line)); }
    void add_left_out(LeftOut files);
    void set_limits(const DecodeLimits& limits) { limits_ = limits; }

private:
    std::vector<Pair> pairs_;
    std::vector<std::string> found_;
    LeftOut left_out_;
    DecodeLimits limits_;
};

DataSet open_data(const std::vector<std::string>& sources, const SourceOptions& options = {});
DataSet open_data(const std::string& source, const SourceOptions& options = {});

// Region labels from bytes, by the name's suffix: .png (stored values), .npy (rows x columns) or .mat (the matrix "sp", or the only one).
// Error: below 0, no whole number, not two-dimensional.
LabelMap decode_labels(const std::vector<uint8_t>& bytes, const std::string& name, const DecodeLimits& limits = {});

}  // namespace purnet
