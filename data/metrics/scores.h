// What is known about one map, or on average about many, and the figures that are reported from it.
//
// Three protocols of the field give figures under the same names that are not comparable:
//   pysod   PySODMetrics 1.6.2, today's reference. Map stretched to [0,1], mask > 128. F and E: the 256-point curves are
//           averaged over images, then maximum and mean over thresholds are taken.
//   dss     SalMetric, used with DSS and PoolNet. Map / 255, mask > 127.5 (grey for MAE), threshold by > t, 1e-4 added above and
//           below every division, F of the averaged precision and recall. MAE, meanFm, maxFm.
//   purnet  The evaluation of PurNet's authors. Map stretched, only the brightest level of the mask is foreground, only black is
//           background; binary where 255 p >= floor(min(2 mean, 255)); F of the averaged precision and recall. MAE, wFmeasure, adpFm.
// A figure that a protocol does not define is NaN. beta^2 = 0.3 in every F but the weighted one.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace purnet::metrics {

enum class Protocol : uint8_t { pysod, dss, purnet };
std::string_view name_of(Protocol protocol);
Protocol protocol_named(std::string_view name);  // Error for an unknown name

using Curve = std::array<double, 256>;  // index 0 is threshold 255, index 255 is threshold 0

// One image's values, or their mean over images: everything that is averaged before figures are made of it.
struct Scores {
    double mae = 0, structure = 0, weighted_f = 0, adaptive_f = 0, adaptive_e = 0;
    double adaptive_precision = 0, adaptive_recall = 0;
    Curve f{}, e{}, precision{}, recall{};
};

// into += weight * scores, value by value.
void add(Scores& into, const Scores& scores, double weight);
Scores scaled(const Scores& scores, double factor);

// The nine figures, in the order in which they are printed.
inline constexpr std::array<std::string_view, 9> figure_names = {"MAE",   "Smeasure", "wFmeasure", "adpFm", "meanFm",
                                                                 "maxFm", "adpEm",    "meanEm",    "maxEm"};
struct Figures {
    std::array<double, 9> values{};  // in the order of figure_names

    double mae() const { return values[0]; }
    double max_f() const { return values[5]; }
    double operator[](std::string_view name) const;  // Error for an unknown name
};

Figures figures_of(Protocol protocol, const Scores& scores);

// The F curve that belongs to the protocol: the averaged one (pysod), or F of the averaged precision and recall.
Curve f_curve(Protocol protocol, const Scores& scores);

// Running mean over images, in the order in which they are added.
class Mean {
public:
    void add(const Scores& scores) {
        metrics::add(sum_, scores, 1);
        ++images_;
    }
    int64_t images() const { return images_; }
    Scores value() const;  // Error without images

private:
    Scores sum_;
    int64_t images_ = 0;
};

}  // namespace purnet::metrics
