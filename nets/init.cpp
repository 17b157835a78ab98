#include "nets/init.h"

#include <cmath>

#include "core/random/philox.h"
#include "kernels/runtime/parallel.h"
#include "losses/parts.h"

namespace purnet {
namespace {

void set(Parameter& p, const std::vector<double>& values) {
    p.value.copy_from(Tensor::from(values.data(), p.value.shape(), p.value.dtype()));
}

void constant(Parameter& p, double value) { set(p, std::vector<double>(static_cast<size_t>(p.value.count()), value)); }

template <class Draw>
void drawn(Parameter& p, uint64_t seed, Draw&& draw) {
    const RandomStream stream(seed, p.name);
    std::vector<double> values(static_cast<size_t>(p.value.count()));
    parallel_for(p.value.count(), 4096, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] = draw(stream, static_cast<uint64_t>(i));
    });
    set(p, values);
}

void uniform(Parameter& p, uint64_t seed, double bound) {
    drawn(p, seed, [bound](const RandomStream& s, uint64_t i) { return (2.0 * static_cast<double>(s.uniform(0, i)) - 1.0) * bound; });
}

void normal(Parameter& p, uint64_t seed, double deviation) {
    drawn(p, seed, [deviation](const RandomStream& s, uint64_t i) { return deviation * s.normal(0, i); });
}

// in,k,k,out
void bilinear(Parameter& p) {
    const Shape& s = p.value.shape();
    const std::vector<double> line = bilinear_line(s[1]);
    std::vector<double> values(static_cast<size_t>(s.count()), 0.0);
    for (int64_t c = 0; c < std::min(s[0], s[3]); ++c)
        for (int64_t y = 0; y < s[1]; ++y)
            for (int64_t x = 0; x < s[2]; ++x)
                values[static_cast<size_t>(((c * s[1] + y) * s[2] + x) * s[3] + c)] =
                    line[static_cast<size_t>(y)] * line[static_cast<size_t>(x)];
    set(p, values);
}

// Every transposed convolution of the networks here has an even kernel of 4 or more, and no convolution has.
bool transposed(const Shape& s) { return s.rank() == 4 && s[1] >= 4 && s[1] % 2 == 0; }

}  // namespace

std::vector<double> bilinear_line(int64_t kernel) {
    const auto f = static_cast<double>((kernel + 1) / 2);
    const double centre = kernel % 2 == 0 ? f - 0.5 : f - 1;
    std::vector<double> line;
    for (int64_t i = 0; i < kernel; ++i) line.push_back(1 - std::abs(static_cast<double>(i) - centre) / f);
    return line;
}

void initialise(ParameterStore& store, uint64_t seed) {
    for (Parameter& p : store.all()) {
        const Shape& s = p.value.shape();
        const std::string path = p.name.substr(0, p.name.rfind('.') + 1), last = p.name.substr(path.size());
        const bool extractor = part_of(p.name) == Part::extractor;
        if (last == "running_mean") {
            constant(p, 0);
        } else if (last == "running_var") {
            constant(p, 1);
        } else if (transposed(s)) {
            bilinear(p);
        } else if (s.rank() == 4) {
            const double space = static_cast<double>(s[1] * s[2]);
            const double groups = s[3] == 1 && s[0] > 1 && path.ends_with("_depthwise_conv.") ? static_cast<double>(s[0]) : 1;
            if (extractor)
                normal(p, seed, std::sqrt(2.0 / (space * static_cast<double>(s[0]) / groups)));
            else
                uniform(p, seed, 1.0 / std::sqrt(space * static_cast<double>(s[3])));
        } else if (last == "bias") {
            const Parameter* weight = store.find(path + "weight");
            require(weight, "parameter ", p.name, " has no weight beside it to take its initial range from");
            const Shape& w = weight->value.shape();
            if (w.rank() == 4 && !extractor)
                uniform(p, seed, 1.0 / std::sqrt(static_cast<double>(w[1] * w[2] * w[3])));
            else
                constant(p, 0);
        } else {
            constant(p, store.find(path + "running_mean") ? 1 : 0.25);  // batch norm, PReLU
        }
    }
}

}  // namespace purnet
