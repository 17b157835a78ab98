// Finds pictures and their masks among files.
//
// Two folders belong together when their paths differ in one part, which names pictures on one side and masks on the other, in any case:
//     images, image, imgs, img, im, im_aug, JPEGImages, NAME-Image(s)        pictures
//     masks, mask, gt, gts, gt_aug, groundtruth, ground_truth, ground-truth, ground_truth_mask, segmentation(s), NAME-Mask(s), NAME-GT
//     masks superpixels, superpixel, image_sp, sp                                   region labels, optional (.png, .npy, .mat)
// So images/ + masks/, DUTS-TR-Image/ + DUTS-TR-Mask/, im/ + gt/, datasets/imgs/pascal/ + datasets/masks/pascal/ and the like. Else a
// folder with .jpg pictures beside .png masks of the same names. Files match by their names without suffix. A mask that exists as .png and
// as something else counts as .png.
//
// Errors in one sentence: no data set, several data sets (naming them), pictures without a mask, masks without a picture (the first names),
// two pictures of one name.
#pragma once

#include <string>
#include <vector>

#include "data/source/files.h"

namespace purnet {

struct Pair {
    std::string name;  // without folder and suffix
    FileRef image, mask, labels;
};

// Files that belong to no pair.
struct LeftOut {
    std::vector<FileRef> pictures, masks;  // without a partner (Unpaired::skip)
    std::vector<FileRef> superfluous;      // masks in another format beside the .png that counts
};

struct Layout {
    std::string form;         // "images/ + masks/", "pictures .jpg beside masks .png"
    std::vector<Pair> pairs;  // sorted by name
    std::vector<std::string> remarks;
    LeftOut left_out;
};

// Pictures without a mask and masks without a picture: an error, or left out and remarked.
enum class Unpaired { refuse, skip };

// `where` is named in errors.
Layout find_layout(const std::vector<NamedFile>& files, const std::string& where, Unpaired unpaired);

}  // namespace purnet
