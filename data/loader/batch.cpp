#include "data/loader/batch.h"

#include "kernels/augment/augment.h"
#include "kernels/resize/resize_picture.h"

namespace purnet {

Batch Batch::first(int count) const {
    const auto cut = [&](auto values) {
        values.resize(values.size() / static_cast<size_t>(n) * static_cast<size_t>(count));
        return values;
    };
    return {.step = step,
            .n = count,
            .h = h,
            .w = w,
            .rgb = cut(rgb),
            .mask = cut(mask),
            .labels = cut(labels),
            .names = cut(names),
            .source = {source.side, cut(source.rgb), cut(source.mask), cut(source.labels), cut(source.changes)}};
}

void carry_out_changes(Batch& batch) {
    if (batch.source.side == 0) return;
    const Unaugmented source = std::move(batch.source);
    batch.source = {};
    const augment::Problem p{batch.n, source.side, source.side, batch.h, batch.w};
    const bool resized = batch.h != source.side || batch.w != source.side, labelled = !source.labels.empty();
    const auto pixels = static_cast<size_t>(p.images * p.out_h * p.out_w);
    std::vector<uint8_t> mask(pixels), full(resized ? source.rgb.size() : 0);
    batch.rgb.resize(pixels * 3);
    if (labelled) batch.labels.resize(pixels);
    const Key key{DeviceType::cpu, DType::f32};
    augment::table().get(&augment::Kernels::forward, "forward", key)(
        p, source.rgb.data(), source.mask.data(), labelled ? source.labels.data() : nullptr, source.changes.data(),
        resized ? full.data() : batch.rgb.data(), mask.data(), labelled ? batch.labels.data() : nullptr, Context{});
    if (resized)
        resize_picture::table().get(&resize_picture::Kernels::forward, "forward", key)({p.h, p.w, 3, p.out_h, p.out_w, p.images},
                                                                                       full.data(), batch.rgb.data(), nullptr, Context{});
    batch.mask.resize(pixels);
    for (size_t i = 0; i < pixels; ++i) batch.mask[i] = static_cast<float>(mask[i]) / 255.0f;
}

}  // namespace purnet
