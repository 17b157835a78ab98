#include "kernels/binary/binary.h"

#include <cstring>

#include "kernels/binary/binary_simd.h"
#include "kernels/reduce/sums.h"
#include "kernels/runtime/grid_partition.h"
#include "kernels/runtime/partition.h"

namespace purnet::binary {
namespace {

constexpr int64_t grain = 16384;

// What the sums of db run over: `images` groups of `rows` rows, each group giving `channels` values.
Problem grouped(Problem p) {
    if (p.broadcast == Broadcast::image_channel) return p;
    p.rows *= p.images;
    p.images = 1;
    if (p.broadcast == Broadcast::scalar) {
        p.rows *= p.channels;
        p.channels = 1;
    }
    return p;
}

Partition blocks_of(const Problem& g) { return partition_rows(g.rows, g.channels); }

void apply(const Problem& p, const float* a, const float* b, float* y) {
    if (p.broadcast == Broadcast::same || p.broadcast == Broadcast::scalar) {
        const auto same = PURNET_PICK(elements);
        const auto scalar = PURNET_PICK(with_scalar);
        parallel_for(p.count(), grain, [&](int64_t begin, int64_t end) {
            if (p.broadcast == Broadcast::same)
                same(p.operation, a + begin, b + begin, y + begin, end - begin);
            else
                scalar(p.operation, a + begin, *b, y + begin, end - begin);
        });
        return;
    }
    const auto rows = PURNET_PICK(with_channels);
    parallel_for(p.images * p.rows, (grain + p.channels - 1) / p.channels, [&](int64_t begin, int64_t end) {
        while (begin < end) {  // up to the end of an image: there b changes
            const int64_t image = begin / p.rows;
            const int64_t stop = std::min(end, (image + 1) * p.rows);
            rows(p.operation, a + begin * p.channels, p.broadcast == Broadcast::channel ? b : b + image * p.channels,
                 y + begin * p.channels, stop - begin, p.channels);
            begin = stop;
        }
    });
}

void forward(const Problem& p, const float* a, const float* b, float* y, const Context&) { apply(p, a, b, y); }

void sum_db(const Problem& p, const float* a, const float* dy, float* db, double* partial) {
    const Problem g = grouped(p);
    const Partition blocks = blocks_of(g);
    const bool product = p.operation == Operation::mul;
    const reduce::Sums sums = reduce::sums();
    parallel_for(g.images * blocks.blocks, 1, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) {
            const int64_t image = i / blocks.blocks, block = i % blocks.blocks;
            const int64_t at = (image * g.rows + blocks.begin(block)) * g.channels;
            const int64_t rows = blocks.end(block) - blocks.begin(block);
            if (g.channels == 1)
                partial[i] = sums.total(dy + at, product ? a + at : nullptr, rows);
            else
                sums.channel_sums(dy + at, product ? a + at : nullptr, rows, g.channels, partial + i * g.channels);
        }
    });
    for (int64_t image = 0; image < g.images; ++image)
        for (int64_t c = 0; c < g.channels; ++c) {
            double sum = 0;
            for (int64_t block = 0; block < blocks.blocks; ++block) sum += partial[(image * blocks.blocks + block) * g.channels + c];
            db[image * g.channels + c] = static_cast<float>(p.operation == Operation::sub ? -sum : sum);
        }
}

void backward(const Problem& p, const float* a, const float* b, const float* dy, float* da, float* db, void* workspace, const Context&) {
    const bool product = p.operation == Operation::mul;
    if (db && p.broadcast != Broadcast::same) sum_db(p, a, dy, db, static_cast<double*>(workspace));
    if (db && p.broadcast == Broadcast::same) {
        const auto same = PURNET_PICK(elements);
        const auto negate = PURNET_PICK(negate);
        parallel_for(p.count(), grain, [&](int64_t begin, int64_t end) {
            if (product)
                same(Operation::mul, dy + begin, a + begin, db + begin, end - begin);
            else if (p.operation == Operation::sub)
                negate(dy + begin, db + begin, end - begin);
            else if (db != dy)
                std::memcpy(db + begin, dy + begin, static_cast<size_t>(end - begin) * sizeof(float));
        });
    }
    if (!da) return;
    if (product)
        apply(p, dy, b, da);
    else if (da != dy)
        std::memcpy(da, dy, static_cast<size_t>(p.count()) * sizeof(float));
}

}  // namespace

size_t workspace_bytes(const Problem& p) {
    if (p.broadcast == Broadcast::same) return 0;
    const Problem g = grouped(p);
    const int64_t grid = p.broadcast == Broadcast::scalar ? grid_blocks(p.count()) : row_chunks(g.rows, g.channels, g.images);
    return static_cast<size_t>(g.images * std::max(blocks_of(g).blocks, grid) * g.channels) * sizeof(double);
}

const char* name_of(Operation operation) {
    switch (operation) {
        case Operation::add: return "add";
        case Operation::sub: return "sub";
        case Operation::mul: return "mul";
    }
    return "?";
}

Table<Kernels>& table() {
    static Table<Kernels> kernels("binary", {{{DeviceType::cpu, DType::f32}, {.forward = erase<forward>, .backward = erase<backward>}}});
    return kernels;
}

}  // namespace purnet::binary
