// How a product is cut into blocks: tiles of the result, of 64 x 64 if not told otherwise, and the sum of each tile among several blocks
// where there are fewer tiles than a device has multiprocessors (20 x 20 maps, and every weight gradient, whose sum runs over pixels). A
// function of the problem alone; conv2d_split.h is the device's side.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace purnet::conv2d::implicit {

inline constexpr int tile_size = 64;
struct TileSize {
    int rows = tile_size, columns = tile_size;

    bool operator==(const TileSize&) const = default;
};

struct Grid {
    int64_t row_tiles = 0, column_tiles = 0, products = 0;
    int splits = 1;
    int64_t elements = tile_size * tile_size;  // of a tile
    int most_splits = 1;                       // that a measurement tries

    Grid in_parts(int wanted) const {
        Grid grid = *this;
        grid.splits = wanted;
        return grid;
    }
    // Of so many convolutions in one launch (conv2d_merged.h).
    Grid times(int convolutions) const {
        Grid grid = *this;
        grid.products *= convolutions;
        return grid;
    }
    // The estimate's number of parts first, then others: with a part long enough and blocks for at most eight waves of 132.
    std::vector<int> parts_to_try() const {
        std::vector<int> list{splits};
        for (int other = 1; other <= most_splits; other *= 2)
            if (other != splits && (other == 1 || tiles() * other <= 8 * 132)) list.push_back(other);
        return list;
    }

    int64_t tiles() const { return row_tiles * column_tiles * products; }
    // For people: " in 3 parts".
    std::string parts() const { return splits == 1 ? "" : " in " + std::to_string(splits) + " parts"; }
    size_t workspace() const { return splits == 1 ? 0 : static_cast<size_t>(tiles() * splits * elements) * sizeof(float); }
};

// Two blocks for each of 132 multiprocessors; a part of a sum has at least 256 terms.
inline Grid grid_of(int64_t rows, int64_t columns, int64_t depth, int64_t products, TileSize tile = {}) {
    Grid grid{(rows + tile.rows - 1) / tile.rows, (columns + tile.columns - 1) / tile.columns, products};
    grid.elements = int64_t{tile.rows} * tile.columns;
    const int64_t wanted = 264 / std::max<int64_t>(grid.tiles(), 1);
    grid.splits = static_cast<int>(std::clamp<int64_t>(wanted, 1, std::max<int64_t>(depth / 256, 1)));
    grid.most_splits = static_cast<int>(std::clamp<int64_t>(depth / 128, grid.splits, 64));
    return grid;
}

}  // namespace purnet::conv2d::implicit
