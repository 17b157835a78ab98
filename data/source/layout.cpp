#include "data/source/layout.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "data/image/decode.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

enum Role { images, masks, regions };

constexpr std::array<std::string_view, 9> image_names{"images", "image", "imgs", "img", "im", "im_aug", "img_aug", "jpegimages", "photos"};
constexpr std::array<std::string_view, 15> mask_names{"masks",
                                                      "mask",
                                                      "gt",
                                                      "gts",
                                                      "gt_aug",
                                                      "groundtruth",
                                                      "groundtruths",
                                                      "ground_truth",
                                                      "ground-truth",
                                                      "ground truth",
                                                      "ground_truths",
                                                      "ground_truth_mask",
                                                      "ground_truth_masks",
                                                      "segmentation",
                                                      "segmentations"};
constexpr std::array<std::string_view, 4> region_names{"superpixels", "superpixel", "image_sp", "sp"};

// What a part of a path names, and what stands in front of that ("DUTS-TR" of "DUTS-TR-Image").
struct Meaning {
    Role role;
    std::string front;
};

// The longest of the names that the part is, or ends with behind '-' or '_'.
template <size_t N>
bool match(const std::string& part, const std::array<std::string_view, N>& names, std::string& front) {
    size_t longest = 0;
    for (const std::string_view name : names) {
        if (name.size() <= longest || !part.ends_with(name)) continue;
        const size_t before = part.size() - name.size();
        if (before == 0)
            front.clear();
        else if (before >= 2 && (part[before - 1] == '-' || part[before - 1] == '_'))
            front = part.substr(0, before - 1);
        else
            continue;
        longest = name.size();
    }
    return longest > 0;
}

std::optional<Meaning> meaning_of(const std::string& part) {
    std::string low = part, front;
    std::transform(low.begin(), low.end(), low.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (match(low, region_names, front)) return Meaning{regions, front};
    if (match(low, mask_names, front)) return Meaning{masks, front};
    if (match(low, image_names, front)) return Meaning{images, front};
    return std::nullopt;
}

std::vector<std::string> parts_of(const std::string& folder) {
    std::vector<std::string> parts;
    for (size_t at = 0; at <= folder.size();) {
        const size_t slash = std::min(folder.find('/', at), folder.size());
        parts.push_back(folder.substr(at, slash - at));
        at = slash + 1;
    }
    return parts;
}

using Folders = std::map<std::string, std::vector<const NamedFile*>>;

// The folders of one data set, by role; more than one of a role is ambiguous.
struct Candidate {
    std::array<std::vector<std::string>, 3> folders;
};

std::string joined(const std::vector<std::string>& texts, const char* between) {
    std::string result;
    for (const std::string& text : texts) result += (result.empty() ? "" : between) + text;
    return result;
}

std::string shown_folder(const std::string& folder) { return folder.empty() ? "this folder" : folder + "/"; }

// "a, b, c and 12 more"
std::string some(const std::vector<std::string>& names) {
    constexpr size_t most = 5;
    std::string text;
    for (size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : "") + printable(names[i]);
    return names.size() > most ? concat(text, " and ", names.size() - most, " more") : text;
}

using ByStem = std::map<std::string, const NamedFile*>;

// Pictures of one folder by stem.
ByStem pictures_of(const std::vector<const NamedFile*>& files, const std::string& where) {
    ByStem result;
    for (const NamedFile* file : files) {
        if (!has_picture_suffix(file->name)) continue;
        const auto [at, added] = result.emplace(stem_of(file->name), file);
        require(added, where, ": ", printable(at->second->name), " and ", printable(file->name), " have one name; take one of them away");
    }
    return result;
}

// Masks likewise, but a .png goes before the same name with another suffix.
ByStem masks_of(const std::vector<const NamedFile*>& files, const std::string& where, Layout& layout) {
    ByStem result;
    for (const NamedFile* file : files) {
        if (!has_picture_suffix(file->name)) continue;
        const auto [at, added] = result.emplace(stem_of(file->name), file);
        if (added) continue;
        const bool new_png = suffix_of(file->name) == "png", old_png = suffix_of(at->second->name) == "png";
        require(new_png != old_png, where, ": ", printable(at->second->name), " and ", printable(file->name),
                " have one name; take one of them away");
        layout.left_out.superfluous.push_back((new_png ? at->second : file)->file);
        if (new_png) at->second = file;
    }
    if (const size_t ignored = layout.left_out.superfluous.size())
        layout.remarks.push_back(concat(ignored, ignored == 1 ? " mask that isn't PNG lies" : " masks that aren't PNG lie",
                                        " beside the PNG of the same name and ", ignored == 1 ? "is" : "are", " left out"));
    return result;
}

ByStem regions_of(const std::vector<const NamedFile*>& files) {
    ByStem result;
    for (const NamedFile* file : files)
        if (const std::string suffix = suffix_of(file->name); suffix == "png" || suffix == "npy" || suffix == "mat")
            result.emplace(stem_of(file->name), file);
    return result;
}

void match_up(Layout& layout, const ByStem& image_files, const ByStem& mask_files, const ByStem& region_files, const std::string& where,
              Unpaired unpaired) {
    std::vector<std::string> no_mask, no_image;
    for (const auto& [stem, image] : image_files) {
        const auto mask = mask_files.find(stem);
        if (mask == mask_files.end()) {
            no_mask.push_back(base_of(image->name));
            layout.left_out.pictures.push_back(image->file);
            continue;
        }
        const auto region = region_files.find(stem);
        layout.pairs.push_back({stem, image->file, mask->second->file, region == region_files.end() ? FileRef() : region->second->file});
    }
    for (const auto& [stem, mask] : mask_files)
        if (!image_files.contains(stem)) {
            no_image.push_back(base_of(mask->name));
            layout.left_out.masks.push_back(mask->file);
        }
    const auto report = [&](const std::vector<std::string>& names, const char* one, const char* many) {
        if (names.empty()) return;
        const std::string text = concat(names.size(), names.size() == 1 ? one : many, some(names));
        require(unpaired == Unpaired::skip, where, ": ", text,
                "; add the missing files, take these away, or ask for unpaired files to be skipped");
        layout.remarks.push_back(concat("skipped ", text));
    };
    report(no_mask, " picture has no mask: ", " pictures have no mask: ");
    report(no_image, " mask has no picture: ", " masks have no picture: ");
    require(!layout.pairs.empty(), where, ": no picture has a mask of the same name");
}

bool beside_each_other(const std::vector<const NamedFile*>& files) {
    std::map<std::string, int> seen;
    for (const NamedFile* file : files) {
        const std::string suffix = suffix_of(file->name);
        if (suffix == "jpg" || suffix == "jpeg") seen[stem_of(file->name)] |= 1;
        if (suffix == "png") seen[stem_of(file->name)] |= 2;
    }
    return std::any_of(seen.begin(), seen.end(), [](const auto& entry) { return entry.second == 3; });
}

[[noreturn]] void refuse(const Folders& folders, const std::string& where) {
    std::vector<std::string> holding;
    for (const auto& [folder, files] : folders)
        if (std::any_of(files.begin(), files.end(), [](const NamedFile* file) { return has_picture_suffix(file->name); }))
            holding.push_back(shown_folder(folder));
    const std::string found = holding.empty() ? "there are no pictures in it" : "pictures lie in " + some(holding);
    fail(where, ": no data set is found here: ", found, "; put pictures into images/ and masks of the same names into masks/");
}

}  // namespace

Layout find_layout(const std::vector<NamedFile>& files, const std::string& where, Unpaired unpaired) {
    Folders folders;
    for (const NamedFile& file : files) folders[folder_of(file.name)].push_back(&file);

    std::map<std::string, Candidate> candidates;
    for (const auto& [folder, held] : folders) {
        const bool any_picture = std::any_of(held.begin(), held.end(), [](const NamedFile* f) { return has_picture_suffix(f->name); });
        std::vector<std::string> parts = parts_of(folder);
        for (std::string& part : parts) {
            const std::optional<Meaning> meaning = meaning_of(part);
            if (!meaning || (!any_picture && meaning->role != regions)) continue;
            const std::string own = std::exchange(part, meaning->front + "*");
            candidates[joined(parts, "/")].folders[meaning->role].push_back(folder);
            part = own;
        }
    }
    std::erase_if(candidates,
                  [](const auto& entry) { return entry.second.folders[images].empty() || entry.second.folders[masks].empty(); });
    if (candidates.size() > 1) {
        std::vector<std::string> names;
        for (const auto& [key, candidate] : candidates) names.push_back(candidate.folders[images][0] + " + " + candidate.folders[masks][0]);
        fail(where, ": ", names.size(), " data sets lie here (", some(names), "); name one of them, or several one by one");
    }

    Layout layout;
    if (candidates.size() == 1) {
        const Candidate& candidate = candidates.begin()->second;
        for (const Role role : {images, masks, regions})
            require(candidate.folders[role].size() <= 1, where, ": several folders could hold the ",
                    role == images  ? "pictures"
                    : role == masks ? "masks"
                                    : "regions",
                    " (", some(candidate.folders[role]), "); name the two folders as PICTURES:MASKS");
        const std::string &image_folder = candidate.folders[images][0], &mask_folder = candidate.folders[masks][0];
        layout.form = shown_folder(image_folder) + " + " + shown_folder(mask_folder);
        ByStem region_files;
        if (!candidate.folders[regions].empty()) {
            region_files = regions_of(folders.at(candidate.folders[regions][0]));
            if (!region_files.empty()) layout.form += " + " + shown_folder(candidate.folders[regions][0]);
        }
        const ByStem image_files = pictures_of(folders.at(image_folder), where),
                     mask_files = masks_of(folders.at(mask_folder), where, layout);
        match_up(layout, image_files, mask_files, region_files, where, unpaired);
        return layout;
    }

    std::vector<std::string> mixed;
    for (const auto& [folder, held] : folders)
        if (beside_each_other(held)) mixed.push_back(folder);
    if (mixed.empty()) refuse(folders, where);
    require(mixed.size() == 1, where, ": ", mixed.size(), " folders hold pictures beside masks (", some(mixed),
            "); name one of them, or several one by one");
    std::vector<const NamedFile*> image_list, mask_list;
    for (const NamedFile* file : folders.at(mixed[0])) (suffix_of(file->name) == "png" ? mask_list : image_list).push_back(file);
    layout.form = concat("pictures .jpg beside masks .png", mixed[0].empty() ? "" : " in " + shown_folder(mixed[0]));
    match_up(layout, pictures_of(image_list, where), masks_of(mask_list, where, layout), {}, where, unpaired);
    return layout;
}

}  // namespace purnet
