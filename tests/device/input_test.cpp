// Pictures cross to the device as bytes and become a network's input there: the bits that the table of their normalisation has, on the
// CPU and on the device.
#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "apps/salient/batch_tensors.h"
#include "apps/salient/input.h"
#include "core/ops/augment.h"
#include "core/ops/normalise.h"
#include "core/ops/resize_picture.h"
#include "kernels/resize/resize_bytes.h"
#include "tests/device/place.h"
#include "tests/support/batches.h"
#include "tests/support/pictures.h"
#include "tests/support/refused.h"

namespace purnet::test {
namespace {

// Every byte in every channel, in n pictures.
std::vector<uint8_t> all_bytes(int64_t n, int64_t h, int64_t w) {
    std::vector<uint8_t> rgb(static_cast<size_t>(n * h * w * 3));
    for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(i + i / 256);
    return rgb;
}

}  // namespace

TEST_CASE("device input: bytes become the values of their table, bit for bit") {
    const Device device = place().device;
    const int64_t n = 3, h = 17, w = 19;  // 2907 elements: no whole vectors
    const std::vector<uint8_t> rgb = all_bytes(n, h, w);
    for (const Backbone backbone : {Backbone::resnet50, Backbone::vgg16, Backbone::light}) {
        CAPTURE(name_of(backbone));
        const Normalisation normalisation = default_normalisation(backbone);
        const auto table = normalisation.table();
        std::vector<float> wanted(rgb.size()), rounded(rgb.size());
        for (size_t i = 0; i < rgb.size(); ++i) {
            wanted[i] = static_cast<float>(table[i % 3][rgb[i]]);
            rounded[i] = static_cast<float>(bf16(wanted[i]));
        }
        CHECK(network_input(rgb.data(), n, h, w, normalisation).to_floats() == wanted);
        const Tensor there = network_input(rgb.data(), n, h, w, normalisation, device);
        CHECK(there.device() == device);
        CHECK(there.to_floats() == wanted);
        CHECK(network_input(rgb.data(), n, h, w, normalisation, device, DType::bf16).to_floats() == rounded);
    }
}

TEST_CASE("device input: of masks, and what is no picture") {
    const Device device = place().device;
    std::vector<uint8_t> mask(259);
    for (size_t i = 0; i < mask.size(); ++i) mask[i] = static_cast<uint8_t>(i);
    for (const Device at : {Device{}, device}) {
        const std::vector<float> values =
            ops::normalise(bytes_on(at, mask.data(), {1, 7, 37, 1}), 255, {}, {1, 1, 1}, DType::f32).to_floats();
        for (size_t i = 0; i < mask.size(); ++i) CHECK(values[i] == static_cast<float>(mask[i]) / 255.0f);
        REFUSED(ops::normalise(bytes_on(at, mask.data(), {1, 1, 1, 4}), 1, {}, {1, 1, 1}, DType::f32), "it takes 1 or 3");
        REFUSED(ops::normalise(Tensor::zeros({1, 1, 1, 3}, DType::f32, at), 1, {}, {1, 1, 1}, DType::f32), "must be uint8 N,H,W,C");
    }
}

TEST_CASE("device input: bytes may begin anywhere") {
    const Device device = place().device;
    for (const int64_t pixels : {41, 4099}) {  // of the second size a thread has several elements
        const std::vector<uint8_t> rgb = all_bytes(1, 1, pixels + 1);
        const Tensor whole = bytes_on(device, rgb.data(), {1, 1, pixels + 1, 3}), rest = whole.part(3, {1, 1, pixels, 3});
        const Normalisation normalisation = default_normalisation(Backbone::vgg16);
        for (const DType dtype : {DType::f32, DType::bf16}) {
            const std::vector<float> all = network_input(whole, normalisation, dtype).to_floats();
            CHECK(network_input(rest, normalisation, dtype).to_floats() == std::vector<float>(all.begin() + 3, all.end()));
        }
    }
    const std::vector<uint8_t> rgb = all_bytes(1, 1, 97);
    const Tensor there = bytes_on(device, rgb.data(), {1, 97, 3}).part(3, {6, 16, 3}), here = bytes_on({}, rgb.data() + 3, {6, 16, 3});
    for (const int64_t width : {16, 5})  // rows of whole vectors that begin anywhere; others
        CHECK(ops::resize_picture(there, 4, width).to_floats() == ops::resize_picture(here, 4, width).to_floats());
}

TEST_CASE("device input: pictures changed there have the host's bytes") {
    const Device device = place().device;
    for (const auto& [h, w] : {std::pair{40, 40}, {27, 33}, {40, 33}})
        for (const DType dtype : {DType::f32, DType::bf16})
            for (const bool labelled : {true, false}) {
                Batch batch = unaugmented_of(3, 40, h, w, h + w);
                if (!labelled) batch.source.labels.clear();
                const BatchTensors wanted = tensors_of(carried_out(batch), dtype, device);
                const BatchTensors got = made_of(tensors_of(batch, dtype, device), dtype);
                CHECK(got.rgb.shape() == wanted.rgb.shape());
                CHECK(got.rgb.to_floats() == wanted.rgb.to_floats());
                CHECK(got.mask.shape() == wanted.mask.shape());
                CHECK(got.mask.dtype() == dtype);
                CHECK(got.mask.to_floats() == wanted.mask.to_floats());
                REQUIRE(got.labels.defined() == labelled);
                if (!labelled) continue;
                CHECK(got.labels.shape() == wanted.labels.shape());
                CHECK(got.labels.to_floats() == wanted.labels.to_floats());
            }
}

TEST_CASE("device input: what cannot be augmented is refused with its shape") {
    for (const Device at : {Device{}, place().device}) {
        const BatchTensors b = tensors_of(unaugmented_of(2, 32, 32, 32, 1), DType::f32, at);
        REFUSED(ops::augment(b.mask, b.mask, b.labels, b.changes, 32, 32), "rgb must be uint8 N,H,W,3 but is uint8 2x32x32x1");
        REFUSED(ops::augment(b.rgb, b.rgb, b.labels, b.changes, 32, 32), "mask must be uint8 2x32x32x1 but is uint8 2x32x32x3");
        REFUSED(ops::augment(b.rgb, b.mask, b.mask, b.changes, 32, 32), "labels must be uint8 2x32x32x2 but is uint8 2x32x32x1");
        REFUSED(ops::augment(b.rgb, b.mask, b.labels, Tensor(), 32, 32), "changes must be uint8 2x800 but is undefined");
        REFUSED(ops::augment(b.rgb, b.mask, b.labels, b.changes, 0, 32), "can't take 2 pictures of 32 x 32 to masks of 0 x 32");
    }
}

TEST_CASE("device input: a picture resized there has the host's bytes") {
    const Device device = place().device;
    const Image picture = pattern(131, 57, 3);
    const Tensor there = bytes_on(device, picture.pixels.data(), {57, 131, 3});
    for (const auto& [h, w] : {std::pair{32, 32}, {57, 131}, {64, 48}, {7, 131}, {1, 1}}) {
        std::vector<uint8_t> wanted(static_cast<size_t>(h * w * 3));
        resize_bilinear(picture.pixels.data(), 57, 131, 3, wanted.data(), h, w);
        const Tensor here = ops::resize_picture(there, h, w).to(Device{});
        CHECK(std::equal(wanted.begin(), wanted.end(), here.data<uint8_t>()));
    }
    for (const Device at : {Device{}, device}) {
        REFUSED(ops::resize_picture(Tensor::zeros({4, 4, 3}, DType::f32, at), 2, 2), "must be uint8 H,W,C or N,H,W,C");
        REFUSED(ops::resize_picture(bytes_on(at, picture.pixels.data(), {4, 4, 3}), 0, 2), "can't take a picture of 4 x 4 x 3 to 0 x 2");
    }
}

}  // namespace purnet::test
