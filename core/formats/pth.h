// PyTorch checkpoints (.pth, .pt), read natively, nothing executed. Both forms of torch.save:
//
//     zip (since 1.6)    NAME/data.pkl (a pickle), NAME/data/KEY (the bytes of each storage), NAME/byteorder, NAME/version
//     older              pickles one after the other (magic number, 1001, system, the object, list of storage keys), then for
//                        each key its number of elements (int64) and its bytes
// Source: torch/serialization.py of PyTorch. The pickle is read by pickle.h, the zip by zip_reader.h.
//
// The result is the state dict: the top dictionary where it holds tensors, else the one entry of it that does, looked for
// under the names state_dict, model_state_dict, model_state, model, net, network, module, params, weights first, in this
// order (metadata "pth.entry" then says which), else the only other entry that holds tensors; several such are an Error that
// lists them. Whatever is beside it (optimiser, epoch) and what in it is no tensor is left alone and never read.
//
// Tensors with strides (transposed, sliced) become C order. Every stride, offset and size is compared with the storage, every
// storage with the file. All tensors together may hold at most four times the file's size plus 1 MiB: a tensor that repeats
// a few bytes through strides of 0 can't ask for more. Refused: TorchScript archives, big-endian files, sparse and quantised
// tensors, compressed zip entries, wrong checksums.
#pragma once

#include <filesystem>

#include "core/formats/array.h"
#include "core/formats/byte_source.h"

namespace purnet {

NamedArrays read_pth(const std::filesystem::path& path);
NamedArrays decode_pth(const ByteSource& source);

bool looks_like_zip(const ByteSource& source);
bool looks_like_legacy_pth(const ByteSource& source);

}  // namespace purnet
