// Several convolutions as one launch, or several transposed ones: those of one geometry, so equal in all of a Problem but the channels that
// are written, in one group. Each has a source, weights, an epilogue and a result of its own; sources may be one and the same.
//
// They are further products of the grid, in blockIdx.z, with as many tiles as the one that writes most; blocks beyond a narrower result end
// at once. A block does what it would in a launch of its one convolution: with the same tile and number of parts every bit is the same.
// What is gained is what a launch costs, and tiles side by side where those of one convolution leave multiprocessors idle.
#pragma once

#include "kernels/conv2d/packed.h"
#include "kernels/tile/epilogue.h"

namespace purnet::conv2d::implicit {

// What one of them has of its own.
template <class T>
struct Member {
    const T* source;
    const T* weight;
    tile::Epilogue<T> epilogue;
    T* out;
    bool vectors;  // the result, and what the epilogue adds to it, may be taken in vectors
    int channels;  // that are written
};

}  // namespace purnet::conv2d::implicit
