#include "apps/salient/self_test.h"

#include <algorithm>
#include <cmath>

#include "apps/run/console.h"
#include "apps/run/table.h"
#include "apps/salient/input.h"
#include "apps/salient/stage.h"
#include "core/plan/plan.h"
#include "data/check/check.h"
#include "data/check/mask_levels.h"

namespace purnet {
namespace {

constexpr double learned_share = 0.25;
// Of neighbours in a row that lie on different sides of 1/2: outlines cross few, noise half of them.
constexpr double most_crossings = 0.2;

size_t area_of(const Batch& batch) { return static_cast<size_t>(batch.h) * static_cast<size_t>(batch.w); }

Image picture_of(const Batch& batch, size_t j) {
    Image image(batch.w, batch.h, 3);
    std::copy_n(batch.rgb.begin() + static_cast<std::ptrdiff_t>(j * area_of(batch) * 3), area_of(batch) * 3, image.pixels.begin());
    return image;
}

Image mask_of(const Batch& batch, size_t j) {
    Image image(batch.w, batch.h, 1);
    for (size_t i = 0; i < area_of(batch); ++i)
        image.pixels[i] = static_cast<uint8_t>(std::lround(batch.mask[j * area_of(batch) + i] * 255));
    return image;
}

double crossings(const Image& mask) {
    int64_t crossed = 0, pairs = 0;
    for (int y = 0; y < mask.height; ++y)
        for (int x = 1; x < mask.width; ++x, ++pairs) crossed += (*mask.at(x, y) >= 128) != (*mask.at(x - 1, y) >= 128);
    return pairs ? static_cast<double>(crossed) / static_cast<double>(pairs) : 0;
}

std::string in_words(Fault fault, const std::string& detail) {
    std::string text = fault == Fault::dark_mask    ? "the mask is dark"
                       : fault == Fault::empty_mask ? "the mask is empty"
                       : fault == Fault::full_mask  ? "the mask is white all over"
                                                    : "the mask is grey";
    return detail.empty() ? text : text + ": " + detail;
}

// The error of the best map of one grey: its value is the median.
double error_of_one_grey(const std::vector<float>& mask) {
    std::vector<float> sorted = mask;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    double sum = 0;
    for (const float m : mask) sum += std::abs(m - *middle);
    return sum / static_cast<double>(mask.size());
}

double error_on(const PurNet& net, const Batch& batch) {
    const Device device = net.parameters().device();
    const Tensor like = Tensor::symbolic({1, batch.h, batch.w, 3}, DType::u8, device);
    Plan plan({like}, [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{net.map(network_input(net, in[0]))}; });
    double sum = 0;
    for (size_t j = 0; j < static_cast<size_t>(batch.n); ++j) {
        const uint8_t* const rgb = batch.rgb.data() + j * area_of(batch) * 3;
        const std::vector<float> map = plan.run({bytes_on(device, rgb, like.shape())})[0].to_floats();
        for (size_t i = 0; i < map.size(); ++i) sum += std::abs(map[i] - batch.mask[j * area_of(batch) + i]);
    }
    return sum / static_cast<double>(batch.mask.size());
}

std::string rounded(double value) { return fixed_text(value, 3); }

}  // namespace

std::vector<std::string> batch_faults(const Batch& batch) {
    std::vector<std::string> lines;
    std::vector<Signature> seen;
    std::vector<Image> masks;
    for (size_t j = 0; j < static_cast<size_t>(batch.n); ++j) {
        const std::string& name = batch.names[j];
        const Image picture = picture_of(batch, j), mask = mask_of(batch, j);
        for (const auto& [fault, detail] : mask_faults(mask)) lines.push_back(name + ": " + in_words(fault, detail));
        if (crossings(mask) > most_crossings) lines.push_back(name + ": the mask is noise: no network follows it pixel by pixel");
        const Signature signature = signature_of(picture);
        if (signature.flat) lines.push_back(name + ": the picture is of one colour: nothing tells its object from the ground");
        for (size_t i = 0; i < seen.size(); ++i)
            if (signature.same(seen[i]) && masks[i].pixels != mask.pixels)
                lines.push_back(name + ": the same picture as " + batch.names[i] + ", but another mask");
        seen.push_back(signature);
        masks.push_back(mask);
    }
    return lines;
}

bool self_test(const TrainConfig& given, int number, std::unique_ptr<PurNet> net, const Batch& batch, const std::function<bool()>& stop,
               const SelfTestOptions& options) {
    TrainConfig config = given;
    config.ema = 0;
    config.schedule = "constant";
    config.warmup = std::min<int64_t>(config.warmup, options.look_every);
    say("self-test: ", batch.n, " pictures are to be learned by heart, in at most ", options.most_steps, " steps");
    const std::vector<std::string> faults = batch_faults(batch);
    for (const std::string& fault : faults) warn("self-test: ", fault);
    const double grey = error_of_one_grey(batch.mask);
    require(grey > 1e-3,
            "self-test: the masks of this batch are of one grey all over, there is nothing to learn: check-data says of how many "
            "that is true");
    Stage stage(config, number, options.most_steps, std::move(net));
    double first_loss = 0, loss = 0, error = 1;
    for (int64_t step = 0; step < options.most_steps; ++step) {
        if (stop()) return false;
        const bool look = (step + 1) % options.look_every == 0 || step + 1 == options.most_steps;
        const StepReport report = stage.step(batch, step, look || step == 0);
        if (!report.not_finite.empty())
            fail("self-test: step ", report.not_finite.front().step + 1, " was not finite (first: ", stage.first_non_finite({batch}),
                 "): lower --rate, now ", config.rate, ", or set --clip 10");
        if (step == 0) first_loss = report.total;
        if (!look) continue;
        loss = report.total;
        error = error_on(stage.net(), batch);
        if (error <= learned_share * grey) {
            say("self-test: learned: error ", rounded(error), " after ", step + 1, " steps, where one grey for all pixels has ",
                rounded(grey));
            return true;
        }
        if ((step + 1) % (5 * options.look_every) == 0)
            say("self-test: step ", step + 1, ", loss ", rounded(loss), ", error ", rounded(error), " of at most ",
                rounded(learned_share * grey));
    }
    std::string reason = "the loss fell from " + rounded(first_loss) + " to " + rounded(loss) +
                         ": it learns, but slowly; use a higher --rate, or --init with ImageNet weights";
    if (loss > 0.9 * first_loss)
        reason = "the loss went from " + rounded(first_loss) + " to " + rounded(loss) +
                 ": --rate does not fit, or --freeze leaves nothing to learn";
    if (!faults.empty()) reason = concat("look at the ", faults.size(), " warnings above, then at check-data");
    fail("self-test: error ", rounded(error), " after ", options.most_steps, " steps on one batch, where one grey for all pixels has ",
         rounded(grey), "; ", reason);
}

}  // namespace purnet
