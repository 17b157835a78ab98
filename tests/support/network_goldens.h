// What the goldens of whole networks share: where they run, how their pictures enter, how results are compared.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/checkpoint.h"
#include "core/formats/npy.h"
#include "nets/purnet_config.h"
#include "tests/support/goldens.h"
#include "tests/support/shared.h"

namespace purnet::test {

struct Place {
    const char* name;
    Device device;
    DType dtype;

    bool exact() const { return dtype == DType::f64; }
};
inline constexpr Place reference_place{"reference float64", {DeviceType::reference, 0}, DType::f64};
inline constexpr Place cpu_place{"CPU float32", {DeviceType::cpu, 0}, DType::f32};

// A file of the network goldens, "purnet/..." or "lite0/...": from the tree where it has it, else from the shared material.
inline std::optional<std::filesystem::path> network_golden(const std::string& relative) {
    std::filesystem::path inside = golden_path(relative);
    if (std::filesystem::exists(inside)) return inside;
    return shared_path("golden/" + relative);
}

inline nlohmann::json read_json(const std::filesystem::path& path) { return nlohmann::json::parse(std::ifstream(path)); }

// uint8 N,H,W,3 to the network's input.
inline Tensor network_input(const Array& rgb, const Normalisation& normalisation, const Place& place) {
    const auto table = normalisation.table();
    const auto bytes = rgb.as<uint8_t>();
    std::vector<double> values(bytes.size());
    for (size_t i = 0; i < bytes.size(); ++i) values[i] = table[i % 3][bytes[i]];
    return Tensor::from(values.data(), Shape(rgb.shape), place.dtype, place.device);
}

// The largest difference as a share of the largest wanted value; infinite where a NaN or another size is met.
inline double relative_to_largest(const std::vector<double>& got, const std::vector<double>& wanted) {
    if (got.size() != wanted.size()) return std::numeric_limits<double>::infinity();
    double difference = 0, largest = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        const double d = std::abs(got[i] - wanted[i]);
        if (std::isnan(d)) return std::numeric_limits<double>::infinity();
        difference = std::max(difference, d);
        largest = std::max(largest, std::abs(wanted[i]));
    }
    return difference == 0 ? 0 : difference / largest;
}

// The largest of |got - wanted| / |wanted|.
inline double relative_each(const std::vector<double>& got, const std::vector<double>& wanted) {
    if (got.size() != wanted.size()) return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (size_t i = 0; i < got.size(); ++i) {
        const double d = std::abs(got[i] - wanted[i]);
        if (std::isnan(d)) return std::numeric_limits<double>::infinity();
        if (d > 0) worst = std::max(worst, d / std::abs(wanted[i]));
    }
    return worst;
}

inline double norm(const std::vector<double>& values) {
    double square = 0;
    for (const double v : values) square += v * v;
    return std::sqrt(square);
}

}  // namespace purnet::test
