#include "data/check/contents.h"

#include "data/check/perceptual_hash.h"
#include "kernels/runtime/error.h"
#include "kernels/runtime/parallel.h"

namespace purnet {

std::vector<uint64_t> contents_of(const DataSet& set) {
    std::vector<uint64_t> contents(set.size());
    parallel_for(static_cast<int64_t>(set.size()), 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
            const auto item = static_cast<size_t>(i);
            const Pair& pair = set.pair(item);
            try {
                uint64_t hash = 0;
                for (const FileRef* file : {&pair.image, &pair.mask, &pair.labels}) {
                    if (!file->present()) continue;
                    const std::vector<uint8_t> bytes = file->read();
                    hash = content_hash(bytes.data(), bytes.size(), hash);
                }
                contents[item] = hash;
            } catch (const Error&) {
                contents[item] = 0;
            }
        }
    });
    return contents;
}

}  // namespace purnet
