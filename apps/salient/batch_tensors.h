// A batch on its way into a step: bytes and numbers of the host as tensors, and what a step makes of them.
#pragma once

#include "core/tensor.h"
#include "data/loader/batch.h"

namespace purnet {

struct BatchTensors {
    Tensor rgb, mask, labels;  // bytes, activations, int32; labels undefined without superpixels
    // Where this is defined the batch is still to be made: the three above are bytes as its source has them (data/loader/batch.h), and this
    // is the changes of its pictures.
    Tensor changes = {};
    int64_t h = 0, w = 0;  // of the pictures that the network gets
};

BatchTensors tensors_of(const Batch& batch, DType activation, Device device);

// The batch made, by ops on the device where it lies, which recorded steps hold: the bits are those that the loader's own changes have.
BatchTensors made_of(const BatchTensors& batch, DType activation);

}  // namespace purnet
