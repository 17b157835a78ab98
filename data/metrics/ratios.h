// Ratios of the confusion counts TP, FP, FN, TN, as FmeasureV2 of PySODMetrics 1.6.2 defines them; 0/0 is 0:
//   fm, f1   (1+b) p r / (b p + r) with b = 0.3 and 1          spec   TN / (TN+FP)
//   pre, rec TP / (TP+FP), TP / (TP+FN)                        fpr    FP / (TN+FP)
//   iou      TP / (TP+FP+FN)                                   ber    1 - (TP/(TP+FN) + TN/(TN+FP)) / 2
//   dice     2 TP / (2 TP+FP+FN)                               oa     (TP+TN) / N
//   kappa    (oa - e) / (1 - e), e = ((TP+FP)(TP+FN) + (TN+FN)(TN+TP)) / N^2
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "data/metrics/counts.h"
#include "data/metrics/scores.h"

namespace purnet::metrics {

struct Confusion {
    int64_t tp = 0, fp = 0, fn = 0, tn = 0;
};

inline constexpr std::array<std::string_view, 11> ratio_names = {"fm",   "f1",  "pre", "rec", "iou",  "dice",
                                                                 "spec", "fpr", "ber", "oa",  "kappa"};
inline constexpr size_t ratio_count = ratio_names.size();

// All ratios of one confusion, in the order of ratio_names.
std::array<double, ratio_count> ratios_of(const Confusion& confusion);

// Of one image, or averaged over images. Binary: where p > 0.5; its counts are summed, not averaged.
struct Ratios {
    std::array<Curve, ratio_count> curves{};
    std::array<double, ratio_count> adaptive{}, binary{};
    Confusion binary_counts;
};
Ratios ratios_of(const Counts& counts, const Levels& levels, double adaptive_threshold);

class MeanRatios {
public:
    void add(const Ratios& ratios);
    int64_t images() const { return images_; }
    Ratios value() const;  // Error without images

private:
    Ratios sum_;
    int64_t images_ = 0;
};

// Maximum, mean, adaptive, per-image binary and pooled binary value of one ratio.
struct RatioFigures {
    double maximum, mean, adaptive, sample_binary, overall_binary;
};
RatioFigures figures_of(const Ratios& ratios, size_t which);

}  // namespace purnet::metrics
