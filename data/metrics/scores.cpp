#include "data/metrics/scores.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/runtime/error.h"

namespace purnet::metrics {
namespace {

constexpr std::array<std::string_view, 3> protocol_names = {"pysod", "dss", "purnet"};
constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

double maximum(const Curve& curve) { return *std::max_element(curve.begin(), curve.end()); }
double average(const Curve& curve) { return std::accumulate(curve.begin(), curve.end(), 0.0) / static_cast<double>(curve.size()); }

double f_of(double precision, double recall) {
    const double below = 0.3 * precision + recall;
    return below > 0 ? 1.3 * precision * recall / below : 0;
}

void add(Curve& into, const Curve& curve, double weight) {
    for (size_t i = 0; i < curve.size(); ++i) into[i] += weight * curve[i];
}

}  // namespace

std::string_view name_of(Protocol protocol) { return protocol_names[static_cast<size_t>(protocol)]; }

Protocol protocol_named(std::string_view name) {
    const auto found = std::find(protocol_names.begin(), protocol_names.end(), name);
    require(found != protocol_names.end(), "protocol '", name, "' is unknown: use pysod, dss or purnet");
    return static_cast<Protocol>(found - protocol_names.begin());
}

void add(Scores& into, const Scores& scores, double weight) {
    into.mae += weight * scores.mae;
    into.structure += weight * scores.structure;
    into.weighted_f += weight * scores.weighted_f;
    into.adaptive_f += weight * scores.adaptive_f;
    into.adaptive_e += weight * scores.adaptive_e;
    into.adaptive_precision += weight * scores.adaptive_precision;
    into.adaptive_recall += weight * scores.adaptive_recall;
    add(into.f, scores.f, weight);
    add(into.e, scores.e, weight);
    add(into.precision, scores.precision, weight);
    add(into.recall, scores.recall, weight);
}

Scores scaled(const Scores& scores, double factor) {
    Scores out;
    add(out, scores, factor);
    return out;
}

double Figures::operator[](std::string_view name) const {
    const auto found = std::find(figure_names.begin(), figure_names.end(), name);
    require(found != figure_names.end(), "no figure is called '", name, "'");
    return values[static_cast<size_t>(found - figure_names.begin())];
}

Curve f_curve(Protocol protocol, const Scores& scores) {
    if (protocol == Protocol::pysod) return scores.f;
    Curve curve;
    for (size_t i = 0; i < curve.size(); ++i) curve[i] = f_of(scores.precision[i], scores.recall[i]);
    return curve;
}

Figures figures_of(Protocol protocol, const Scores& scores) {
    Figures out;
    out.values.fill(undefined);
    auto& [mae, structure, weighted_f, adaptive_f, mean_f, max_f, adaptive_e, mean_e, max_e] = out.values;
    mae = scores.mae;
    switch (protocol) {
        case Protocol::pysod:
            structure = scores.structure;
            weighted_f = scores.weighted_f;
            adaptive_f = scores.adaptive_f;
            mean_f = average(scores.f);
            max_f = maximum(scores.f);
            adaptive_e = scores.adaptive_e;
            mean_e = average(scores.e);
            max_e = maximum(scores.e);
            break;
        case Protocol::dss: {
            const Curve f = f_curve(protocol, scores);
            mean_f = average(f);
            max_f = maximum(f);
            break;
        }
        case Protocol::purnet:
            weighted_f = scores.weighted_f;
            adaptive_f = f_of(scores.adaptive_precision, scores.adaptive_recall);
            break;
    }
    return out;
}

Scores Mean::value() const {
    require(images_ > 0, "metrics: the mean of no images is asked for");
    return scaled(sum_, 1.0 / static_cast<double>(images_));
}

}  // namespace purnet::metrics
