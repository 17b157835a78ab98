#include "apps/run/evaluation_html.h"

#include <algorithm>
#include <map>

#include "apps/run/html_report.h"
#include "apps/run/version.h"
#include "data/image/decode.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

Image thumbnail(const Image& image, int side) {
    const int longer = std::max(image.width, image.height);
    if (longer <= side) return image;
    const auto scaled = [&](int length) {
        return std::max(1, static_cast<int>((static_cast<int64_t>(length) * side + longer / 2) / longer));
    };
    Image out(scaled(image.width), scaled(image.height), image.channels);
    resize_bilinear(image.pixels.data(), image.height, image.width, image.channels, out.pixels.data(), out.height, out.width);
    return out;
}

EmbeddedPicture grey_cell(const fs::path& path, int side) {
    try {
        return embed_exact(thumbnail(read_grey(path), side));
    } catch (const Error&) {
        return {};
    }
}

EmbeddedPicture photo_cell(const PictureNames& photos, const std::string& name, int side) {
    try {
        const auto found = photos.find(name);
        return found == photos.end() ? EmbeddedPicture{} : embed_photo(thumbnail(read_rgb(found->second), side));
    } catch (const Error&) {
        return {};
    }
}

// A method's maps by name.
std::map<std::string, MapPair> pairs_of(const Evaluation& method) {
    std::map<std::string, MapPair> out;
    for (const MapPair& pair : method.pairing.pairs) out.emplace(pair.name, pair);
    return out;
}

std::string row_title(const std::string& name, const metrics::Figures& figures) {
    std::string out = name;
    for (const std::string_view figure : {"MAE", "Smeasure", "maxFm", "adpFm"})
        if (const double value = figures[figure]; value == value) out += " \u00b7 " + std::string(figure) + " " + fixed_text(value, 3);
    return out;
}

void put_sheet(HtmlReport& html, const EvaluationReport& report, const EvaluationPage& page, const std::vector<size_t>& chosen) {
    std::vector<std::string> columns;
    PictureNames photos;
    if (page.images) {
        photos = picture_names(*page.images, "images");
        columns.push_back("image");
    }
    columns.push_back("mask");
    std::vector<std::map<std::string, MapPair>> pairs;
    for (const Evaluation& method : report.methods) {
        columns.push_back(method.name);
        pairs.push_back(pairs_of(method));
    }
    std::vector<HtmlReport::SheetRow> rows;
    for (const size_t index : chosen) {
        const ImageResult& image = report.methods[0].images[index];
        HtmlReport::SheetRow row{row_title(image.name, metrics::figures_of(report.protocol, image.scores)), {}};
        if (page.images) row.cells.push_back(photo_cell(photos, image.name, page.thumbnail));
        row.cells.push_back(grey_cell(pairs[0].at(image.name).mask, page.thumbnail));
        for (const auto& method : pairs) {
            const auto pair = method.find(image.name);
            row.cells.push_back(pair == method.end() ? EmbeddedPicture{} : grey_cell(pair->second.map, page.thumbnail));
        }
        rows.push_back(std::move(row));
    }
    html.sheet(columns, rows);
}

TextTable image_table(const EvaluationReport& report, const Evaluation& method, const std::vector<size_t>& order) {
    TextTable table;
    table.head = {"image"};
    for (const std::string_view name : metrics::figure_names) table.head.emplace_back(name);
    for (const size_t index : order) {
        const ImageResult& image = method.images[index];
        std::vector<std::string> row{image.name};
        for (const double value : metrics::figures_of(report.protocol, image.scores).values) row.push_back(fixed_text(value, 3));
        table.rows.push_back(std::move(row));
    }
    return table;
}

}  // namespace

std::string html_of(const EvaluationReport& report, const EvaluationPage& page) {
    const Evaluation& first = report.methods.front();
    HtmlReport html("Saliency maps against masks", std::to_string(first.images.size()) + " images, protocol " +
                                                       std::string(metrics::name_of(report.protocol)) + ", masks from " +
                                                       report.masks.string());
    html.section("Figures");
    if (report.methods.size() == 1)
        html.highlights({{"max F", fixed_text(first.figures["maxFm"], 3)},
                         {"MAE", fixed_text(first.figures["MAE"], 3)},
                         {"S-measure", fixed_text(first.figures["Smeasure"], 3)},
                         {"weighted F", fixed_text(first.figures["wFmeasure"], 3)}});
    html.table(figures_table(report));
    if (!report.resamples.empty()) {
        html.heading("95 % intervals, bootstrap over images");
        html.table(intervals_table(report));
    }
    if (const TextTable folders = folders_table(report); !folders.rows.empty()) html.folded_table("Folders", folders);
    for (const Evaluation& method : report.methods) {
        for (const std::string& complaint : complaints_of(method)) html.paragraph(complaint);
        if (method.ratios) html.folded_table("Ratios of " + method.name, ratios_table(method));
    }
    if (const std::vector<Chart> charts = charts_of(report); !charts.empty()) {
        html.section("Curves");
        html.charts(charts);
    }
    std::vector<size_t> order(first.images.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return first.images[a].scores.mae > first.images[b].scores.mae; });
    const size_t shown = std::min(order.size(), static_cast<size_t>(std::max<int64_t>(page.shown, 0)));
    if (shown > 0) {
        html.section("Worst");
        put_sheet(html, report, page, {order.begin(), order.begin() + static_cast<std::ptrdiff_t>(shown)});
        html.section("Best");
        put_sheet(html, report, page, {order.rbegin(), order.rbegin() + static_cast<std::ptrdiff_t>(shown)});
    }
    html.section("Every image");
    for (const Evaluation& method : report.methods) {
        std::vector<size_t> by_error(method.images.size());
        for (size_t i = 0; i < by_error.size(); ++i) by_error[i] = i;
        std::stable_sort(by_error.begin(), by_error.end(),
                         [&](size_t a, size_t b) { return method.images[a].scores.mae > method.images[b].scores.mae; });
        html.folded_table(method.name + ": all images, the worst first", image_table(report, method, by_error));
    }
    html.paragraph("purnet " + program_version());
    return html.html();
}

}  // namespace purnet
