// Fingerprints of the pairs of a data set: are they byte for byte what they were?
#pragma once

#include <cstdint>
#include <vector>

#include "data/source/dataset.h"

namespace purnet {

// For each pair a hash of every byte of its picture, its mask and its region labels; 0 where one of them can't be read (who reads it
// next will say so). Neither names nor dates count, nor whether the files lie in a folder or in a .tar. Runs on all threads and reads
// everything once: 10,553 pairs of 130 MB take a tenth of a second where the system still holds them. Not for adversaries.
std::vector<uint64_t> contents_of(const DataSet& set);

}  // namespace purnet
