// Folders of maps against a folder of masks: which belong together, and what the figures are.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/metrics/ratios.h"
#include "data/metrics/scores.h"

namespace purnet {

// A map and its mask. `name` is the path below the folder without its suffix ("0003", "bear/00012").
struct MapPair {
    std::string name;
    std::filesystem::path map, mask;
};

struct Pairing {
    std::vector<MapPair> pairs;  // in the order of names
    std::vector<std::string> masks_without_map, maps_without_mask;
    bool by_file_name = false;  // the folders' structures differ, and files were matched by their names alone
};

// The pictures of a folder and its subfolders by path without suffix. Error: no such folder, no pictures in it, two pictures of one
// name ("a.png" and "a.jpg"). `what` names its contents in errors.
using PictureNames = std::map<std::string, std::filesystem::path>;
PictureNames picture_names(const std::filesystem::path& folder, const char* what);

// Pictures in both folders and their subfolders, matched by path without suffix; where nothing matches that way, by file name
// alone. Error when nothing matches.
Pairing pair_folders(const std::filesystem::path& maps, const std::filesystem::path& masks);

struct EvaluationSettings {
    metrics::Protocol protocol = metrics::Protocol::pysod;
    bool ratios = false;  // IoU, Dice and the like (pysod only)
    // A map of another size is scaled to its mask's: bilinear, or nearest under protocol purnet. Otherwise that fails the pair.
    bool resize = false;
};

struct ImageResult {
    std::string name;
    metrics::Scores scores;
    bool empty_quadrant = false, resized = false;
};

struct PairFailure {
    std::string name, error;
};

struct Evaluation {
    std::string name;  // of the method
    std::filesystem::path folder;
    Pairing pairing;  // its pairs are in `images` or in `failures`
    std::vector<ImageResult> images;
    std::vector<PairFailure> failures;
    metrics::Scores mean;  // over `images`, which is not empty
    metrics::Figures figures;
    std::optional<metrics::Ratios> ratios;

    bool complete() const { return failures.empty() && pairing.masks_without_map.empty() && pairing.maps_without_mask.empty(); }
};

// All cores; the result does not depend on their number. Error when not one pair can be scored.
Evaluation evaluate(const std::string& name, const std::filesystem::path& maps, const std::filesystem::path& masks,
                    const EvaluationSettings& settings);

}  // namespace purnet
