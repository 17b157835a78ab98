// What prediction makes of a picture and its map: masks in several formats, cut-outs, other backgrounds, pictures to look at.
//
// From the network's map to the picture's alpha: bilinear to the picture's size, edges moved to the picture's (data/matting/
// guided_filter.h) where asked for, then the threshold where one is asked for.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/salient/predictor.h"
#include "data/matting/threshold.h"

namespace purnet {

// What stands behind the object.
struct Background {
    enum class Kind { colour, blur, picture } kind = Kind::colour;
    std::array<uint8_t, 3> colour{255, 255, 255};
    std::shared_ptr<const Image> picture;  // scaled to cover, the middle of it
};

// white, black, grey, red, green, blue; #rrggbb; R,G,B; blur (the picture's own background); else a picture file. Errors in words.
Background background_named(const std::string& text);

struct OutputOptions {
    std::vector<std::string> kinds = {"mask"};        // of output_kinds()
    std::vector<std::string> mask_formats = {"png"};  // png, png16, pfm, npy
    std::string picture_format = "png";               // png or jpg, of background and overlay
    bool as_published = false;                        // to 8 bits first (times 255, truncated), then resized
    matting::Threshold threshold;
    bool refine = false;
    int refine_radius = 0;  // 0: four pixels of the network's input, as wide as they are in the picture
    double refine_epsilon = 1e-4;
    bool decontaminate = false;  // cut-out and background without the colours of the old background
    Background background;
    int blur_radius = 0;  // 0: a fortieth of the longer side
};

const std::vector<std::string>& output_kinds();
const std::vector<std::string>& mask_formats();

// Error for unknown names and for two files of one name.
void check(const OutputOptions& options);

struct RenderedFile {
    std::string suffix;  // ".png", "_cutout.png", ".npy", ...
    std::vector<uint8_t> bytes;
};

// The suffixes of what render_outputs gives, in its order.
std::vector<std::string> suffixes_of(const OutputOptions& options);

// map: predictor.size() squared.
std::vector<RenderedFile> render_outputs(Predictor& predictor, const Image& rgb, const std::vector<float>& map,
                                         const OutputOptions& options);

// The steps above, for what needs no file: alpha as values or bytes; what stands in a cut-out (RGBA) or before a background (RGB).
std::vector<float> alpha_of(const Image& rgb, const std::vector<float>& map, int side, const OutputOptions& options);
Image rendered_picture(const std::string& kind, const Image& rgb, const std::vector<float>& alpha, const OutputOptions& options);

}  // namespace purnet
