#include "apps/salient/output_files.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "apps/salient/render.h"
#include "core/formats/npy.h"
#include "data/image/decode.h"
#include "data/image/encode.h"
#include "data/image/pfm.h"
#include "data/matting/foreground.h"
#include "data/matting/guided_filter.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

bool has(const std::vector<std::string>& list, const std::string& name) { return std::find(list.begin(), list.end(), name) != list.end(); }

int longer_side(const Image& image) { return std::max(image.width, image.height); }

int share_of(const Image& rgb, double share, int least) {
    return std::clamp(static_cast<int>(std::lround(share * longer_side(rgb))), least, 256);
}

std::vector<uint8_t> encoded(const Image& picture, const std::string& format) {
    return format == "jpg" ? encode_jpeg(picture, 95) : encode_png(picture);
}

// NAME.npy is the network's own map.
std::string mask_suffix(const std::string& format) {
    if (format == "npy") return "_mask.npy";
    return format == "pfm" ? ".pfm" : ".png";
}

bool is_drawing(const std::string& kind) { return kind == "sheet" || kind == "attentions" || kind == "levels"; }

std::vector<uint8_t> encoded_mask(const std::vector<float>& alpha, int width, int height, const std::string& format) {
    if (format == "png") return encode_png(render::bytes_of(alpha, width, height));
    if (format == "png16") return encode_png(render::words_of(alpha, width, height));
    if (format == "pfm") return encode_pfm(alpha, width, height);
    return encode_npy(make_array({height, width}, alpha.data()));
}

// "12,200,7": three bytes.
std::optional<std::array<uint8_t, 3>> three_numbers(const std::string& text) {
    std::array<uint8_t, 3> colour{};
    const char *at = text.data(), *end = at + text.size();
    for (size_t c = 0; c < 3; ++c) {
        const auto [next, error] = std::from_chars(at, end, colour[c]);
        if (error != std::errc()) return std::nullopt;
        at = next;
        if (c < 2 && (at == end || *at++ != ',')) return std::nullopt;
    }
    return at == end ? std::optional(colour) : std::nullopt;
}

std::optional<std::array<uint8_t, 3>> hexadecimal(const std::string& text) {
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), value, 16);
    if (text.size() != 7 || error != std::errc() || end != text.data() + 7) return std::nullopt;
    return std::array<uint8_t, 3>{static_cast<uint8_t>(value >> 16), static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}

}  // namespace

Background background_named(const std::string& text) {
    static const std::vector<std::pair<std::string, std::array<uint8_t, 3>>> names = {{"white", {255, 255, 255}}, {"black", {0, 0, 0}},
                                                                                      {"grey", {128, 128, 128}},  {"red", {255, 0, 0}},
                                                                                      {"green", {0, 255, 0}},     {"blue", {0, 0, 255}}};
    Background background;
    if (text == "blur") {
        background.kind = Background::Kind::blur;
        return background;
    }
    for (const auto& [name, colour] : names)
        if (text == name) {
            background.colour = colour;
            return background;
        }
    const bool sharp = text.starts_with('#'), numbers = text.find_first_not_of("0123456789,") == std::string::npos && !text.empty();
    if (sharp || numbers) {
        const auto colour = sharp ? hexadecimal(text) : three_numbers(text);
        require(colour.has_value(), "'", text, "' is no colour: use a name, #rrggbb, or R,G,B from 0 to 255");
        background.colour = *colour;
        return background;
    }
    std::error_code error;
    require(std::filesystem::is_regular_file(text, error), "background '", text,
            "': neither a colour (white, black, grey, red, green, blue, #rrggbb, R,G,B) nor blur nor a picture file");
    background.kind = Background::Kind::picture;
    background.picture = std::make_shared<const Image>(read_rgb(text));
    return background;
}

const std::vector<std::string>& output_kinds() {
    static const std::vector<std::string> all = {"mask", "cutout", "background", "overlay", "map", "sheet", "attentions", "levels"};
    return all;
}

const std::vector<std::string>& mask_formats() {
    static const std::vector<std::string> all = {"png", "png16", "pfm", "npy"};
    return all;
}

std::vector<std::string> suffixes_of(const OutputOptions& options) {
    std::vector<std::string> suffixes;
    for (const std::string& kind : options.kinds) {
        if (kind == "mask")
            for (const std::string& format : options.mask_formats) suffixes.push_back(mask_suffix(format));
        else if (kind == "map")
            suffixes.emplace_back(".npy");
        else
            suffixes.push_back("_" + kind + "." + (kind == "background" || kind == "overlay" ? options.picture_format : "png"));
    }
    return suffixes;
}

void check(const OutputOptions& options) {
    require(!options.kinds.empty() && !options.mask_formats.empty(), "nothing is asked for: name an output");
    for (const std::string& kind : options.kinds) require(has(output_kinds(), kind), "there is no output '", kind, "'");
    for (const std::string& format : options.mask_formats) require(has(mask_formats(), format), "there is no mask format '", format, "'");
    require(options.picture_format == "png" || options.picture_format == "jpg", "'", options.picture_format,
            "' is no format: use png or jpg");
    std::set<std::string> taken;
    for (const std::string& suffix : suffixes_of(options))
        require(taken.insert(suffix).second, "two outputs would be written to NAME", suffix, ": ask for one of them");
}

std::vector<float> alpha_of(const Image& rgb, const std::vector<float>& map, int side, const OutputOptions& options) {
    std::vector<float> alpha(static_cast<size_t>(rgb.width) * static_cast<size_t>(rgb.height));
    if (options.as_published) {
        // The published code quantises first; its resize then works on bytes.
        Image bytes(side, side, 1), mask(rgb.width, rgb.height, 1);
        for (size_t i = 0; i < map.size(); ++i) bytes.pixels[i] = static_cast<uint8_t>(map[i] * 255.0f);
        resize_bilinear(bytes.pixels.data(), side, side, 1, mask.pixels.data(), rgb.height, rgb.width);
        for (size_t i = 0; i < alpha.size(); ++i) alpha[i] = static_cast<float>(mask.pixels[i]) / 255.0f;
    } else {
        resize_map(map.data(), side, side, alpha.data(), rgb.height, rgb.width);
    }
    if (options.refine) {
        const int radius = options.refine_radius ? options.refine_radius : share_of(rgb, 4.0 / side, 2);
        alpha = matting::guided_filter(rgb, alpha, radius, options.refine_epsilon);
        // The filter keeps the mean of each side of an edge: beside the step a faint rest remains of what was soft. Only the middle
        // half of the values is taken for a mixture.
        for (float& a : alpha) a = std::clamp(2 * a - 0.5f, 0.0f, 1.0f);
    }
    matting::apply_threshold(options.threshold, alpha);
    return alpha;
}

Image rendered_picture(const std::string& kind, const Image& rgb, const std::vector<float>& alpha, const OutputOptions& options) {
    const Image mask = render::bytes_of(alpha, rgb.width, rgb.height);
    if (kind == "overlay") return render::overlay(rgb, mask);
    const Image colours = options.decontaminate ? matting::foreground_colours(rgb, alpha, share_of(rgb, 1.0 / 12, 8)) : Image();
    const Image& object = options.decontaminate ? colours : rgb;
    if (kind == "cutout") return render::cutout(object, mask);
    switch (options.background.kind) {
        case Background::Kind::blur: {
            const int radius = options.blur_radius ? options.blur_radius : share_of(rgb, 1.0 / 40, 2);
            return render::composite(object, mask, matting::blurred_background(rgb, alpha, radius));
        }
        case Background::Kind::picture:
            return render::composite(object, mask, render::covering(*options.background.picture, rgb.width, rgb.height));
        case Background::Kind::colour: break;
    }
    Image flat(rgb.width, rgb.height, 3);
    for (size_t i = 0; i < flat.pixels.size(); ++i) flat.pixels[i] = options.background.colour[i % 3];
    return render::composite(object, mask, flat);
}

std::vector<RenderedFile> render_outputs(Predictor& predictor, const Image& rgb, const std::vector<float>& map,
                                         const OutputOptions& options) {
    const int side = predictor.size();
    const std::vector<float> alpha = alpha_of(rgb, map, side, options);
    std::optional<Maps> maps;
    if (std::any_of(options.kinds.begin(), options.kinds.end(), is_drawing))
        maps = predictor.inspect(rgb.pixels.data(), rgb.width, rgb.height);
    const std::vector<std::string> suffixes = suffixes_of(options);
    std::vector<RenderedFile> files;
    const auto add = [&](std::vector<uint8_t> bytes) { files.push_back({suffixes[files.size()], std::move(bytes)}); };
    for (const std::string& kind : options.kinds) {
        if (kind == "mask")
            for (const std::string& format : options.mask_formats) add(encoded_mask(alpha, rgb.width, rgb.height, format));
        else if (kind == "map")
            add(encode_npy(make_array({side, side}, map.data())));
        else if (kind == "sheet")
            add(encode_png(render::sheet(rgb, *maps)));
        else if (kind == "attentions")
            add(encode_png(render::attentions(rgb, *maps)));
        else if (kind == "levels")
            add(encode_png(render::levels(rgb, *maps)));
        else
            add(encoded(rendered_picture(kind, rgb, alpha, options), kind == "cutout" ? "png" : options.picture_format));
    }
    return files;
}

}  // namespace purnet
