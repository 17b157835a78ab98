// One HTML page that needs no network: sections of text, facts, tables, charts and pictures, everything inside the file.
// It reads well on a desk and on a telephone (wide things scroll inside themselves), in light and dark surroundings.
// All texts are escaped; nothing a file name says becomes markup.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "apps/run/svg_chart.h"
#include "apps/run/table.h"
#include "data/image/image.h"

namespace purnet {

// A picture as it stands in the page. The caption may be empty.
struct EmbeddedPicture {
    std::string caption, data_uri;
    int width = 0, height = 0;
};
// JPEG for photographs (small), PNG for masks and maps (exact).
EmbeddedPicture embed_photo(const Image& image, std::string caption = "", int quality = 85);
EmbeddedPicture embed_exact(const Image& image, std::string caption = "");

class HtmlReport {
public:
    explicit HtmlReport(std::string title, std::string subtitle = "");

    // What follows belongs to the section. Headings form the page's menu.
    void section(const std::string& heading);
    void heading(const std::string& text);  // smaller, not in the menu
    void paragraph(const std::string& text);
    void code(const std::string& text);
    // Large figures side by side ("max-F", "0.934").
    void highlights(const std::vector<std::pair<std::string, std::string>>& figures);
    // Names and values, one a line.
    void facts(const std::vector<std::pair<std::string, std::string>>& facts);
    void table(const TextTable& table);
    void charts(const std::vector<Chart>& charts);
    void pictures(const std::vector<EmbeddedPicture>& pictures);
    // One row a sample, one column a kind of picture; each row under its title.
    struct SheetRow {
        std::string title;
        std::vector<EmbeddedPicture> cells;
    };
    void sheet(const std::vector<std::string>& columns, const std::vector<SheetRow>& rows);
    // Folded away until it is asked for.
    void folded_table(const std::string& summary, const TextTable& table);

    std::string html() const;

private:
    std::string title_, subtitle_, body_;
    std::vector<std::string> sections_;
};

}  // namespace purnet
