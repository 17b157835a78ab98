// Pictures made of a photograph and the maps that a network drew for it.
#pragma once

#include "apps/salient/inspection.h"
#include "data/image/image.h"

namespace purnet::render {

// All maps are values in [0, 1], rows from the top; they are resized bilinearly to the picture's size.
Image mask(const std::vector<float>& map, int map_h, int map_w, int width, int height);
// Values in [0, 1] at the picture's size, to 0..255 and to 0..65535; rounded, clamped, NaN to 0.
Image bytes_of(const std::vector<float>& values, int width, int height);
Image16 words_of(const std::vector<float>& values, int width, int height);
// RGBA: the picture with the map as its alpha.
Image cutout(const Image& rgb, const Image& mask);
// RGB: the picture where the mask is 255, the background where it is 0, their mixture between. All of one size.
Image composite(const Image& rgb, const Image& mask, const Image& background);
// The middle of a picture, scaled just so far that it covers width x height.
Image covering(const Image& rgb, int width, int height);
// The picture, darkened where the map is 0, with the outline at 0.5 drawn.
Image overlay(const Image& rgb, const Image& mask);
// A map as colours from dark blue over green to yellow; [low, high] of the values is stretched over them.
Image heat(const std::vector<float>& map, int map_h, int map_w, int width, int height);
// Signed maps: blue below 0, red above, white at 0.
Image signed_heat(const std::vector<float>& map, int map_h, int map_w, int width, int height);

// Pictures of one height side by side, rows below each other, on white.
Image grid(const std::vector<std::vector<Image>>& rows, int gap = 6);

// Photograph, map, overlay; below the promotion and rectification attention and the error map of level 1, where there are any.
Image sheet(const Image& rgb, const Maps& maps);
// Photograph, truth (a mask of any size), map; below as in a sheet.
Image panel(const Image& rgb, const Image& truth, const Maps& maps);
// A row a level: promotion attention, rectification attention, error map.
Image attentions(const Image& rgb, const Maps& maps);
// The maps of levels 1 .. 5 side by side.
Image levels(const Image& rgb, const Maps& maps);

}  // namespace purnet::render
