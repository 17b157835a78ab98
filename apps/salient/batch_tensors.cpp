#include "apps/salient/batch_tensors.h"

#include "apps/salient/input.h"
#include "core/ops/augment.h"
#include "core/ops/normalise.h"
#include "core/ops/resize_picture.h"

namespace purnet {

BatchTensors tensors_of(const Batch& batch, DType activation, Device device) {
    BatchTensors tensors{.h = batch.h, .w = batch.w};
    if (const Unaugmented& source = batch.source; source.side > 0) {
        const int64_t n = batch.n, side = source.side;
        tensors.rgb = bytes_on(device, source.rgb.data(), {n, side, side, 3});
        tensors.mask = bytes_on(device, source.mask.data(), {n, side, side, 1});
        if (!source.labels.empty())
            tensors.labels = bytes_on(device, reinterpret_cast<const uint8_t*>(source.labels.data()), {n, side, side, 2});
        tensors.changes = bytes_on(device, source.changes.data(), {n, static_cast<int64_t>(source.changes.size()) / n});
        return tensors;
    }
    tensors.rgb = bytes_on(device, batch.rgb.data(), {batch.n, batch.h, batch.w, 3});
    tensors.mask = Tensor::from(batch.mask.data(), {batch.n, batch.h, batch.w, 1}, activation, device);
    if (!batch.labels.empty()) tensors.labels = Tensor::from(batch.labels.data(), {batch.n, batch.h, batch.w}, device);
    return tensors;
}

BatchTensors made_of(const BatchTensors& batch, DType activation) {
    if (!batch.changes) return batch;
    const ops::AugmentedPictures pictures = ops::augment(batch.rgb, batch.mask, batch.labels, batch.changes, batch.h, batch.w);
    const bool resized = batch.h != batch.rgb.size(1) || batch.w != batch.rgb.size(2);
    return {.rgb = resized ? ops::resize_picture(pictures.rgb, batch.h, batch.w) : pictures.rgb,
            .mask = ops::normalise(pictures.mask, 255, {}, {1, 1, 1}, activation),
            .labels = pictures.labels,
            .h = batch.h,
            .w = batch.w};
}

}  // namespace purnet
