// Is a data set fit to train on, and do the sets that judge the result share nothing with it? Every picture and mask is read once, each
// thread holding one pair at a time; per picture 300 bytes are kept.
//
// Errors make training fail or its figures worthless:
//   unreadable-source      no pairs could be found there (the message of open_data)
//   picture-without-mask, mask-without-picture
//   unreadable-picture, unreadable-mask, unreadable-regions (labels beyond those of check_labels too)
//   sizes-differ           mask or region labels have another size than the picture
//   dark-mask              something is drawn, but the brightest value is below 128: a mask of 0 and 1, or palette numbers
//   leak                   the same or nearly the same picture in two of the splits (train, validation, test)
// Warnings are worth a look:
//   empty-mask, full-mask  nothing, or everything, is at least 128
//   grey-mask              more than a twentieth of the pixels lie between a tenth and nine tenths of white (soft borders stay below)
//   colour-mask            red, green and blue differ somewhere; grey is made of them
//   superfluous-mask       a mask in another format beside a .png of the same name, which is the one that counts
//   duplicate              the same pixels more than once in a split; said when their masks differ
//   near-duplicate         alike by perceptual_hash.h
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "data/check/perceptual_hash.h"
#include "data/source/dataset.h"

namespace purnet {

enum class Fault {
    unreadable_source,
    picture_without_mask,
    mask_without_picture,
    unreadable_picture,
    unreadable_mask,
    unreadable_regions,
    sizes_differ,
    dark_mask,
    leak,
    empty_mask,
    full_mask,
    grey_mask,
    colour_mask,
    superfluous_mask,
    duplicate,
    near_duplicate,
};
inline constexpr int fault_count = 16;

const char* name_of(Fault fault);  // "empty-mask"
bool is_error(Fault fault);

struct Place {
    size_t split = 0;
    std::string file;
};

struct Finding {
    Fault fault;
    std::vector<Place> places;  // one; of duplicates and leaks all
    std::string detail;         // "mask 10 x 20, picture 20 x 20"; may be empty
};

struct Split {
    std::string name;  // "train"
    std::vector<std::string> sources;
};

struct CheckOptions {
    double near = usual_near;  // correlation from which pictures are near-duplicates; above 1: exact copies only
    DecodeLimits limits;
    std::function<void(size_t)> opened = {};  // once: the number of pairs
    std::function<void()> read = {};          // after each pair, from any thread
};

struct CheckResult {
    struct Opened {
        std::string name, described;
        size_t pairs = 0;
    };
    std::vector<Opened> splits;
    std::vector<Finding> findings;  // by kind of fault, then in the order of the data

    size_t count(Fault fault) const;
    size_t errors() const;
    size_t warnings() const { return findings.size() - errors(); }
};

CheckResult check_data(const std::vector<Split>& splits, const CheckOptions& options = {});

}  // namespace purnet
