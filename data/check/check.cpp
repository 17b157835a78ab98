#include "data/check/check.h"

#include <algorithm>
#include <array>
#include <optional>

#include "data/check/duplicates.h"
#include "data/check/mask_levels.h"
#include "data/check/perceptual_hash.h"
#include "data/loader/prepare.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet {
namespace {

constexpr std::array<const char*, fault_count> names{"unreadable-source",
                                                     "picture-without-mask",
                                                     "mask-without-picture",
                                                     "unreadable-picture",
                                                     "unreadable-mask",
                                                     "unreadable-regions",
                                                     "sizes-differ",
                                                     "dark-mask",
                                                     "leak",
                                                     "empty-mask",
                                                     "full-mask",
                                                     "grey-mask",
                                                     "colour-mask",
                                                     "superfluous-mask",
                                                     "duplicate",
                                                     "near-duplicate"};

// What is kept of a pair.
struct Seen {
    size_t split = 0, set = 0, item = 0;
    std::optional<Signature> picture;
    uint64_t mask = 0;
    std::vector<std::pair<Fault, std::string>> faults;
};

std::string size_text(int width, int height) { return concat(width, " x ", height); }

class Checker {
public:
    explicit Checker(const CheckOptions& options) : options_(options) {}

    CheckResult check(const std::vector<Split>& splits) {
        for (size_t i = 0; i < splits.size(); ++i) open(i, splits[i]);
        if (options_.opened) options_.opened(seen_.size());
        parallel_for(static_cast<int64_t>(seen_.size()), 1, [&](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
                examine(seen_[static_cast<size_t>(i)]);
                if (options_.read) options_.read();
            }
        });
        for (const Seen& pair : seen_)
            for (const auto& [fault, detail] : pair.faults) {
                const Pair& files = files_of(pair);
                const bool picture = fault == Fault::unreadable_picture || fault == Fault::sizes_differ;
                const bool regions = fault == Fault::unreadable_regions;
                add(fault, {{pair.split, (picture ? files.image : regions ? files.labels : files.mask).shown()}}, detail);
            }
        find_copies();
        std::stable_sort(result_.findings.begin(), result_.findings.end(),
                         [](const Finding& a, const Finding& b) { return a.fault < b.fault; });
        return std::move(result_);
    }

private:
    void open(size_t split, const Split& given) {
        CheckResult::Opened opened{given.name, "", 0};
        for (const std::string& source : given.sources) {
            try {
                DataSet set = open_data(source, {Unpaired::skip, options_.limits});
                const LeftOut& left = set.left_out();
                for (const FileRef& file : left.pictures) add(Fault::picture_without_mask, {{split, file.shown()}});
                for (const FileRef& file : left.masks) add(Fault::mask_without_picture, {{split, file.shown()}});
                for (const FileRef& file : left.superfluous) add(Fault::superfluous_mask, {{split, file.shown()}});
                opened.described += (opened.described.empty() ? "" : "\n") + set.describe();
                opened.pairs += set.size();
                for (size_t i = 0; i < set.size(); ++i) seen_.push_back({split, sets_.size(), i, {}, 0, {}});
                sets_.push_back(std::move(set));
            } catch (const Error& error) {
                add(Fault::unreadable_source, {{split, source}}, error.what());
            }
        }
        result_.splits.push_back(std::move(opened));
    }

    // Runs beside others: touches nothing but `pair`.
    void examine(Seen& pair) const {
        const DataSet& set = sets_[pair.set];
        int width = 0, height = 0;
        try {
            const Image picture = set.read_image(pair.item);
            pair.picture = signature_of(picture);
            width = picture.width, height = picture.height;
        } catch (const Error& error) {
            pair.faults.emplace_back(Fault::unreadable_picture, error.what());
        }
        const auto compare_size = [&](const char* what, int w, int h) {
            if (width > 0 && (w != width || h != height))
                pair.faults.emplace_back(Fault::sizes_differ,
                                         concat("picture ", size_text(width, height), ", ", what, " ", size_text(w, h)));
        };
        try {
            const FileRef& file = files_of(pair).mask;
            const std::vector<uint8_t> bytes = file.read();
            const Image mask = decode_grey(bytes, file.shown(), options_.limits);
            pair.mask = content_hash(mask.pixels.data(), mask.pixels.size());
            compare_size("mask", mask.width, mask.height);
            for (auto& fault : mask_faults(mask)) pair.faults.push_back(std::move(fault));
            // byte 25 of a PNG is its colour type; 0 and 4 are grey, and most masks are that
            const bool grey_png = bytes.size() > 25 && bytes[0] == 0x89 && bytes[1] == 'P' && (bytes[25] == 0 || bytes[25] == 4);
            if (!grey_png && has_colour(decode_rgb(bytes, file.shown(), options_.limits))) pair.faults.emplace_back(Fault::colour_mask, "");
        } catch (const Error& error) {
            pair.faults.emplace_back(Fault::unreadable_mask, error.what());
        }
        if (!set.has_labels(pair.item)) return;
        try {
            const LabelMap labels = set.read_labels(pair.item);
            compare_size("region labels", labels.width, labels.height);
            check_labels(files_of(pair).labels.shown(), labels);
        } catch (const Error& error) {
            pair.faults.emplace_back(Fault::unreadable_regions, error.what());
        }
    }

    void find_copies() {
        std::vector<const Signature*> pictures;
        for (const Seen& pair : seen_) pictures.push_back(pair.picture ? &*pair.picture : nullptr);
        const Duplicates duplicates = find_duplicates(pictures, options_.near);
        for (const DuplicateGroup& group : duplicates.exact) {
            const bool masks_differ = std::any_of(group.members.begin(), group.members.end(),
                                                  [&](size_t i) { return seen_[i].mask != seen_[group.members[0]].mask; });
            add_copies(group, Fault::duplicate, masks_differ ? "the same pixels, but different masks" : "the same pixels");
        }
        for (const DuplicateGroup& group : duplicates.near) {
            // rounded down: 1.000 would promise what is not so
            const auto text = [](double r) { return concat("0.", std::min(999, static_cast<int>(r * 1000))); };
            std::string detail = "correlation " + text(group.least);
            if (text(group.most) != text(group.least)) detail += " to " + text(group.most);
            add_copies(group, Fault::near_duplicate, group.mirrored ? detail + ", mirrored" : detail);
        }
    }

    void add_copies(const DuplicateGroup& group, Fault fault, const std::string& detail) {
        std::vector<Place> places;
        for (const size_t i : group.members) places.push_back({seen_[i].split, files_of(seen_[i]).image.shown()});
        const bool one_split = std::all_of(places.begin(), places.end(), [&](const Place& p) { return p.split == places[0].split; });
        add(one_split ? fault : Fault::leak, std::move(places), detail);
    }

    const Pair& files_of(const Seen& pair) const { return sets_[pair.set].pair(pair.item); }

    void add(Fault fault, std::vector<Place> places, std::string detail = "") {
        result_.findings.push_back({fault, std::move(places), std::move(detail)});
    }

    const CheckOptions& options_;
    std::vector<DataSet> sets_;
    std::vector<Seen> seen_;
    CheckResult result_;
};

}  // namespace

const char* name_of(Fault fault) { return names[static_cast<size_t>(fault)]; }

bool is_error(Fault fault) { return fault <= Fault::leak; }

size_t CheckResult::count(Fault fault) const {
    return static_cast<size_t>(std::count_if(findings.begin(), findings.end(), [&](const Finding& f) { return f.fault == fault; }));
}

size_t CheckResult::errors() const {
    return static_cast<size_t>(std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return is_error(f.fault); }));
}

CheckResult check_data(const std::vector<Split>& splits, const CheckOptions& options) { return Checker(options).check(splits); }

}  // namespace purnet
