#include "apps/run/evaluation.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "apps/run/progress.h"
#include "data/image/decode.h"
#include "data/metrics/meter.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

// Keys without folders; nothing when two files share one.
std::optional<PictureNames> by_file_name(const PictureNames& files) {
    PictureNames out;
    for (const auto& [key, path] : files)
        if (!out.emplace(key.substr(key.rfind('/') + 1), path).second) return std::nullopt;
    return out;
}

Pairing match(const PictureNames& maps, const PictureNames& masks) {
    Pairing out;
    for (const auto& [key, mask] : masks) {
        const auto map = maps.find(key);
        if (map == maps.end())
            out.masks_without_map.push_back(key);
        else
            out.pairs.push_back({key, map->second, mask});
    }
    for (const auto& [key, map] : maps)
        if (!masks.contains(key)) out.maps_without_mask.push_back(key);
    return out;
}

// A link to one of the folders on the way to it, `top` or below: following it never ends.
bool leads_back(const fs::directory_entry& entry, const fs::path& top) {
    std::error_code error;
    if (!entry.is_symlink(error) || !entry.is_directory(error)) return false;
    fs::path folder = entry.path();
    do {
        folder = folder.parent_path();
        if (fs::equivalent(folder, entry.path(), error)) return true;
    } while (folder != top && folder.has_relative_path());
    return false;
}

// Bilinear with anti-aliasing, but nearest where the protocol's authors take the nearest pixel.
Image resized(const Image& map, int width, int height, metrics::Protocol protocol) {
    Image out(width, height, 1);
    if (protocol == metrics::Protocol::purnet)
        resize_nearest(map.pixels.data(), map.height, map.width, 1, out.pixels.data(), height, width);
    else
        resize_bilinear(map.pixels.data(), map.height, map.width, 1, out.pixels.data(), height, width);
    return out;
}

}  // namespace

PictureNames picture_names(const fs::path& folder, const char* what) {
    std::error_code error;
    require(fs::is_directory(folder, error), folder.string(), ": there is no such folder of ", what);
    PictureNames files;
    for (fs::recursive_directory_iterator at(folder, fs::directory_options::follow_directory_symlink, error), end; at != end && !error;
         at.increment(error)) {
        const fs::path& path = at->path();
        if (leads_back(*at, folder)) at.disable_recursion_pending();
        if (path.filename().string().starts_with(".") || !has_picture_suffix(path.string())) continue;
        std::error_code unusable;  // a link that leads nowhere or in a circle
        if (!at->is_regular_file(unusable)) continue;
        fs::path key = path.lexically_relative(folder);
        key.replace_extension();
        const auto [other, is_new] = files.emplace(key.generic_string(), path);
        require(is_new, folder.string(), ": '", other->second.filename().string(), "' and '", path.filename().string(),
                "' have one name; remove one of them");
    }
    require(!error, folder.string(), ": the folder cannot be read (", error.message(), ")");
    require(!files.empty(), folder.string(), ": no pictures in this folder of ", what);
    return files;
}

Pairing pair_folders(const fs::path& maps, const fs::path& masks) {
    const PictureNames map_files = picture_names(maps, "maps"), mask_files = picture_names(masks, "masks");
    Pairing pairing = match(map_files, mask_files);
    if (!pairing.pairs.empty()) return pairing;
    const std::optional<PictureNames> map_names = by_file_name(map_files), mask_names = by_file_name(mask_files);
    if (map_names && mask_names) {
        Pairing other = match(*map_names, *mask_names);
        other.by_file_name = true;
        if (!other.pairs.empty()) return other;
    }
    fail("not one map in ", maps.string(), " has the name of a mask in ", masks.string(), " (for instance '",
         pairing.maps_without_mask.front(), "' and '", pairing.masks_without_map.front(), "')");
}

Evaluation evaluate(const std::string& name, const fs::path& maps, const fs::path& masks, const EvaluationSettings& settings) {
    Evaluation out;
    out.name = name;
    out.folder = maps;
    out.pairing = pair_folders(maps, masks);
    const std::vector<MapPair>& pairs = out.pairing.pairs;
    const int64_t count = static_cast<int64_t>(pairs.size());

    struct Slot {
        ImageResult result;
        std::optional<metrics::Ratios> ratios;
        std::string error;
    };
    std::vector<Slot> slots(pairs.size());
    Progress progress("maps of " + name, count);
    parallel_for(count, 1, [&](int64_t begin, int64_t end) {
        metrics::Meter meter(settings.protocol);
        meter.measure_ratios(settings.ratios);
        for (int64_t i = begin; i < end; ++i) {
            Slot& slot = slots[static_cast<size_t>(i)];
            const MapPair& pair = pairs[static_cast<size_t>(i)];
            slot.result.name = pair.name;
            try {
                Image map = read_grey(pair.map);
                const Image mask = read_grey(pair.mask);
                if (map.width != mask.width || map.height != mask.height) {
                    require(settings.resize, pair.map.string(), " is ", map.width, " x ", map.height, " pixels, its mask ", mask.width,
                            " x ", mask.height, "; --resize scales maps to their masks");
                    map = resized(map, mask.width, mask.height, settings.protocol);
                    slot.result.resized = true;
                }
                metrics::Measured measured = meter.measure(metrics::view_of(map), metrics::view_of(mask));
                slot.result.scores = measured.scores;
                slot.result.empty_quadrant = measured.empty_quadrant;
                slot.ratios = std::move(measured.ratios);
            } catch (const Error& error) {
                slot.error = error.what();
            }
            progress.advance();
        }
    });
    progress.finish();

    metrics::Mean mean;
    metrics::MeanRatios mean_ratios;
    for (Slot& slot : slots) {
        if (!slot.error.empty()) {
            out.failures.push_back({slot.result.name, slot.error});
            continue;
        }
        mean.add(slot.result.scores);
        if (slot.ratios) mean_ratios.add(*slot.ratios);
        out.images.push_back(std::move(slot.result));
    }
    require(!out.images.empty(), maps.string(),
            ": not one map can be scored; the first: ", out.failures.empty() ? "" : out.failures.front().error);
    out.mean = mean.value();
    out.figures = metrics::figures_of(settings.protocol, out.mean);
    if (settings.ratios && mean_ratios.images()) out.ratios = mean_ratios.value();
    return out;
}

}  // namespace purnet
