#include "kernels/conv2d/conv2d_tf32.h"

#include "kernels/conv2d/conv2d_tf32_ways.h"

namespace purnet::conv2d::implicit::tf32 {
namespace {

template <class Tile, class Product>
void launch_tile(const Product& product, const Grid& grid, void* workspace, cudaStream_t stream) {
    launch_product(tf32_kernel<Product, Tile>, product, grid, Tile::threads, Tf32Panels<Product, Tile>::shared, workspace, stream);
}

}  // namespace

void add_ways(std::vector<Way>& list, const Problem& p, Pass pass) {
    if (!in_vectors(p, pass, 4)) return;
    std::vector<Way> own;
    for (const TileSize tile : tf32_tiles(p, pass)) implicit::add_ways(own, "tf32", tile, grid_of(p, pass, tile));
    for (Way& way : own) {
        way.tf32 = true;
        list.push_back(std::move(way));
    }
}

template <class Product>
void launch(const Way& way, const Product& product, void* workspace, cudaStream_t stream) {
    if (way.tile.rows == 128)
        launch_tile<Tf32Tile<128, 128>>(product, way.grid, workspace, stream);
    else
        launch_tile<Tf32Tile<64, 64>>(product, way.grid, workspace, stream);
}

template void launch(const Way&, const Correlation<float, true>&, void*, cudaStream_t);
template void launch(const Way&, const Correlation<float, false>&, void*, cudaStream_t);
template void launch(const Way&, const GradientWithSums<float>&, void*, cudaStream_t);
template void launch(const Way&, const MergedCorrelation<float, true>&, void*, cudaStream_t);
template void launch(const Way&, const MergedCorrelation<float, false>&, void*, cudaStream_t);
template void launch(const Way&, const WeightGradient<float>&, void*, cudaStream_t);

}  // namespace purnet::conv2d::implicit::tf32
