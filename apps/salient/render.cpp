#include "apps/salient/render.h"

#include <algorithm>
#include <cmath>

#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/error.h"

namespace purnet::render {
namespace {

constexpr int sheet_height = 240;

uint8_t byte(double value) { return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 1.0) * 255)); }

// Dark blue, teal, green, yellow: perceptually rising, readable without colour.
void heat_colour(float t, uint8_t* rgb) {
    static constexpr double stops[5][3] = {
        {0.27, 0.00, 0.33}, {0.23, 0.32, 0.55}, {0.13, 0.57, 0.55}, {0.37, 0.79, 0.38}, {0.99, 0.91, 0.15}};
    const double x = std::clamp(static_cast<double>(t), 0.0, 1.0) * 4;
    const int i = std::min(3, static_cast<int>(x));
    for (int c = 0; c < 3; ++c) rgb[c] = byte(stops[i][c] + (stops[i + 1][c] - stops[i][c]) * (x - i));
}

Image as_rgb(const Image& grey) {
    Image rgb(grey.width, grey.height, 3);
    for (size_t i = 0; i < grey.pixels.size(); ++i) rgb.pixels[3 * i] = rgb.pixels[3 * i + 1] = rgb.pixels[3 * i + 2] = grey.pixels[i];
    return rgb;
}

// The picture at the height of sheets, and so its width there.
Image small(const Image& rgb) {
    const int width =
        std::clamp(static_cast<int>(std::lround(static_cast<double>(rgb.width) * sheet_height / rgb.height)), 1, 8 * sheet_height);
    Image out(width, sheet_height, 3);
    resize_bilinear(rgb.pixels.data(), rgb.height, rgb.width, 3, out.pixels.data(), sheet_height, width);
    return out;
}

std::vector<float> resized(const std::vector<float>& map, int map_h, int map_w, int width, int height) {
    require(static_cast<size_t>(map_h) * static_cast<size_t>(map_w) == map.size(), "a map of ", map.size(), " values is not ", map_h, " x ",
            map_w);
    std::vector<float> out(static_cast<size_t>(width) * static_cast<size_t>(height));
    resize_map(map.data(), map_h, map_w, out.data(), height, width);
    return out;
}

// The first row given; below it the attentions and the error map of level 1, where the form has them.
Image over_attentions(std::vector<Image> first, const Maps& maps) {
    const int w = first.front().width, h = first.front().height;
    std::vector<Image> second;
    if (!maps.promotion[0].empty()) second.push_back(heat(maps.promotion[0], maps.attention_height[0], maps.attention_width[0], w, h));
    if (!maps.rectification[0].empty())
        second.push_back(heat(maps.rectification[0], maps.attention_height[0], maps.attention_width[0], w, h));
    if (!maps.error[0].empty()) second.push_back(signed_heat(maps.error[0], maps.side, maps.side, w, h));
    std::vector<std::vector<Image>> rows = {std::move(first)};
    if (!second.empty()) rows.push_back(std::move(second));
    return grid(rows);
}

}  // namespace

Image mask(const std::vector<float>& map, int map_h, int map_w, int width, int height) {
    Image out(width, height, 1);
    map_to_bytes(map.data(), map_h, map_w, out.pixels.data(), height, width);
    return out;
}

Image bytes_of(const std::vector<float>& values, int width, int height) {
    Image out(width, height, 1);
    require(out.pixels.size() == values.size(), "a mask of ", values.size(), " values is not ", width, " x ", height);
    for (size_t i = 0; i < values.size(); ++i) out.pixels[i] = byte(values[i] > 0 ? values[i] : 0);
    return out;
}

Image16 words_of(const std::vector<float>& values, int width, int height) {
    Image16 out(width, height, 1);
    require(out.pixels.size() == values.size(), "a mask of ", values.size(), " values is not ", width, " x ", height);
    for (size_t i = 0; i < values.size(); ++i)
        out.pixels[i] = values[i] > 0 ? static_cast<uint16_t>(std::lround(std::min(values[i], 1.0f) * 65535)) : 0;
    return out;
}

Image cutout(const Image& rgb, const Image& mask) {
    Image out(rgb.width, rgb.height, 4);
    for (size_t i = 0; i < mask.pixels.size(); ++i) {
        for (size_t c = 0; c < 3; ++c) out.pixels[4 * i + c] = rgb.pixels[3 * i + c];
        out.pixels[4 * i + 3] = mask.pixels[i];
    }
    return out;
}

Image composite(const Image& rgb, const Image& mask, const Image& background) {
    require(rgb.pixels.size() == background.pixels.size() && rgb.pixels.size() == 3 * mask.pixels.size(),
            "object, mask and background differ in size");
    Image out(rgb.width, rgb.height, 3);
    for (size_t i = 0; i < out.pixels.size(); ++i) {
        const int a = mask.pixels[i / 3];
        out.pixels[i] = static_cast<uint8_t>((a * rgb.pixels[i] + (255 - a) * background.pixels[i] + 127) / 255);
    }
    return out;
}

Image covering(const Image& rgb, int width, int height) {
    // The part of the same proportions, at least a pixel of it.
    const double scale = std::min(static_cast<double>(rgb.width) / width, static_cast<double>(rgb.height) / height);
    const int part_width = std::clamp(static_cast<int>(std::lround(width * scale)), 1, rgb.width);
    const int part_height = std::clamp(static_cast<int>(std::lround(height * scale)), 1, rgb.height);
    const int left = (rgb.width - part_width) / 2, top = (rgb.height - part_height) / 2;
    Image part(part_width, part_height, 3), out(width, height, 3);
    for (int y = 0; y < part_height; ++y) std::copy(rgb.at(left, top + y), rgb.at(left, top + y) + part.row_size(), part.row(y));
    resize_bilinear(part.pixels.data(), part_height, part_width, 3, out.pixels.data(), height, width);
    return out;
}

Image overlay(const Image& rgb, const Image& mask) {
    Image out = rgb;
    for (int y = 0; y < rgb.height; ++y)
        for (int x = 0; x < rgb.width; ++x) {
            const bool inside = *mask.at(x, y) >= 128;
            const bool edge = (x > 0 && (*mask.at(x - 1, y) >= 128) != inside) || (y > 0 && (*mask.at(x, y - 1) >= 128) != inside);
            static constexpr uint8_t line[3] = {255, 64, 32};
            for (int c = 0; c < 3; ++c) {
                const double share = 0.35 + 0.65 * *mask.at(x, y) / 255;
                out.at(x, y)[c] = edge ? line[c] : static_cast<uint8_t>(std::lround(rgb.at(x, y)[c] * share));
            }
        }
    return out;
}

Image heat(const std::vector<float>& map, int map_h, int map_w, int width, int height) {
    const std::vector<float> values = resized(map, map_h, map_w, width, height);
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const float base = *low, span = *high - *low;
    Image out(width, height, 3);
    for (size_t i = 0; i < values.size(); ++i) heat_colour(span > 0 ? (values[i] - base) / span : 0, &out.pixels[3 * i]);
    return out;
}

Image signed_heat(const std::vector<float>& map, int map_h, int map_w, int width, int height) {
    const std::vector<float> values = resized(map, map_h, map_w, width, height);
    Image out(width, height, 3);
    for (size_t i = 0; i < values.size(); ++i) {
        const double t = std::clamp(static_cast<double>(values[i]), -1.0, 1.0), away = std::fabs(t);
        out.pixels[3 * i] = byte(t < 0 ? 1 - away : 1);
        out.pixels[3 * i + 1] = byte(1 - away);
        out.pixels[3 * i + 2] = byte(t > 0 ? 1 - away : 1);
    }
    return out;
}

Image grid(const std::vector<std::vector<Image>>& rows, int gap) {
    int width = gap, height = gap;
    for (const auto& row : rows) {
        int row_width = gap, row_height = 0;
        for (const Image& picture : row) {
            row_width += picture.width + gap;
            row_height = std::max(row_height, picture.height);
        }
        width = std::max(width, row_width);
        height += row_height + gap;
    }
    Image out(width, height, 3, 255);
    int top = gap;
    for (const auto& row : rows) {
        int left = gap, row_height = 0;
        for (const Image& picture : row) {
            const Image rgb = picture.channels == 1 ? as_rgb(picture) : picture;
            for (int y = 0; y < rgb.height; ++y) std::copy(rgb.row(y), rgb.row(y) + rgb.row_size(), out.at(left, top + y));
            left += rgb.width + gap;
            row_height = std::max(row_height, rgb.height);
        }
        top += row_height + gap;
    }
    return out;
}

Image sheet(const Image& rgb, const Maps& maps) {
    const Image photograph = small(rgb);
    const Image drawn = mask(maps.map, maps.side, maps.side, photograph.width, photograph.height);
    return over_attentions({photograph, drawn, overlay(photograph, drawn)}, maps);
}

Image panel(const Image& rgb, const Image& truth, const Maps& maps) {
    const Image photograph = small(rgb);
    const int w = photograph.width, h = photograph.height;
    Image fitted(w, h, 1);
    resize_bilinear(truth.pixels.data(), truth.height, truth.width, 1, fitted.pixels.data(), h, w);
    return over_attentions({photograph, fitted, mask(maps.map, maps.side, maps.side, w, h)}, maps);
}

Image attentions(const Image& rgb, const Maps& maps) {
    const Image photograph = small(rgb);
    const int w = photograph.width, h = photograph.height;
    std::vector<std::vector<Image>> rows;
    for (size_t i = 0; i < 5; ++i) {
        std::vector<Image> row;
        if (!maps.promotion[i].empty()) row.push_back(heat(maps.promotion[i], maps.attention_height[i], maps.attention_width[i], w, h));
        if (!maps.rectification[i].empty())
            row.push_back(heat(maps.rectification[i], maps.attention_height[i], maps.attention_width[i], w, h));
        if (!maps.error[i].empty()) row.push_back(signed_heat(maps.error[i], maps.side, maps.side, w, h));
        if (!row.empty()) rows.push_back(std::move(row));
    }
    require(!rows.empty(), "this network has no attentions to show (its form is without promotion and rectification)");
    return grid(rows);
}

Image levels(const Image& rgb, const Maps& maps) {
    const Image photograph = small(rgb);
    std::vector<Image> row = {photograph};
    for (const auto& level : maps.levels) row.push_back(mask(level, maps.side, maps.side, photograph.width, photograph.height));
    return grid({row});
}

}  // namespace purnet::render
