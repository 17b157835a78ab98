#include "apps/run/html_report.h"

#include <algorithm>

#include "apps/run/base64.h"
#include "data/image/encode.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

constexpr const char* page_css =
    ":root{color-scheme:light dark;--ink:#1c2024;--soft:#60666e;--line:#dfe3e8;--page:#f6f7f9;--card:#fff;--accent:#0072b2}"
    "@media (prefers-color-scheme:dark){:root{--ink:#e4e6ea;--soft:#9aa1ab;--line:#30353d;--page:#101216;--card:#191c22;--accent:#5ab4e5}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
    "-webkit-text-size-adjust:100%}"
    "header,main,footer{max-width:1120px;margin:0 auto;padding:0 16px}"
    "header{padding-top:32px}h1{font-size:28px;line-height:1.2;margin:0 0 4px}"
    ".subtitle{color:var(--soft);margin:0 0 12px;overflow-wrap:anywhere}"
    "nav{position:sticky;top:0;background:var(--page);border-bottom:1px solid var(--line);z-index:1}"
    "nav div{max-width:1120px;margin:0 auto;padding:8px 16px;display:flex;gap:18px;overflow-x:auto;white-space:nowrap}"
    "nav a{color:var(--accent);text-decoration:none;font-size:15px}nav a:hover{text-decoration:underline}"
    "section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:8px 20px 20px;margin:20px "
    "0;scroll-margin-top:52px}"
    "h2{font-size:20px;margin:12px 0 8px}h3{font-size:16px;margin:20px 0 6px}"
    "p{margin:8px 0;max-width:75ch}"
    "pre{background:var(--page);border:1px solid var(--line);border-radius:6px;padding:10px "
    "12px;overflow-x:auto;font-size:13px;line-height:1.45}"
    // A shadow at the side where more is to be scrolled to; at the end the card's colour, which moves along, covers it.
    ".wide{overflow-x:auto;background:linear-gradient(90deg,var(--card) 40%,transparent) 0 0/40px 100% no-repeat local,"
    "linear-gradient(270deg,var(--card) 40%,transparent) 100% 0/40px 100% no-repeat local,"
    "linear-gradient(90deg,var(--line),transparent) 0 0/14px 100% no-repeat scroll,"
    "linear-gradient(270deg,var(--line),transparent) 100% 0/14px 100% no-repeat scroll}"
    "table{border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}"
    "th,td{padding:5px 12px 5px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}"
    "dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:3px 18px;margin:8px 0;font-size:15px}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}"
    ".highlights{display:flex;flex-wrap:wrap;gap:12px;margin:12px 0}"
    ".highlights div{border:1px solid var(--line);border-radius:8px;padding:8px 16px;min-width:104px}"
    ".highlights b{display:block;font-size:24px;line-height:1.25;font-variant-numeric:tabular-nums}"
    ".highlights span{color:var(--soft);font-size:14px}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px;margin:8px 0}"
    ".charts svg{width:100%;height:auto;display:block}"
    ".pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(46%,180px),1fr));gap:12px;margin:12px 0}"
    "figure{margin:0}figure img,.sheet img{display:block;width:100%;height:auto;border-radius:4px;background:var(--page)}"
    "figcaption{font-size:13px;color:var(--soft);line-height:1.35;margin-top:4px;overflow-wrap:anywhere}"
    ".sheet th,.sheet td{text-align:left;vertical-align:top;border:0;padding:0 6px 10px 0;white-space:normal}"
    ".sheet td{min-width:92px;width:200px}.sheet .row{padding:8px 0 4px;font-size:14px;color:var(--soft);overflow-wrap:anywhere}"
    // A title stays in sight and inside the screen where the pictures under it are wider than that.
    ".sheet .row span{position:sticky;left:0;display:inline-block;max-width:calc(100vw - 64px)}"
    "details{margin:12px 0}summary{cursor:pointer;color:var(--accent)}"
    "footer{color:var(--soft);font-size:13px;padding-bottom:32px}"
    "@media (max-width:600px){section{padding:4px 14px 14px;margin:14px 0;border-radius:8px}h1{font-size:23px}"
    "dl{gap:3px 12px;font-size:14px}.sheet td{min-width:76px}.sheet th,.sheet td{padding-right:4px}"
    // Charts shrink with the screen, their letters should not.
    ".charts .chart{overflow:visible}.charts .chart text{font-size:15px}.charts .chart .title{font-size:17px}}";

std::string table_html(const TextTable& table) {
    std::string out = "<div class=\"wide\"><table><thead><tr>";
    for (const std::string& cell : table.head) out += "<th>" + escaped(cell) + "</th>";
    out += "</tr></thead><tbody>\n";
    for (const auto& row : table.rows) {
        out += "<tr>";
        for (const std::string& cell : row) out += "<td>" + escaped(cell) + "</td>";
        out += "</tr>\n";
    }
    return out + "</tbody></table></div>\n";
}

std::string image_html(const EmbeddedPicture& picture) {
    return "<img src=\"" + picture.data_uri + "\" width=\"" + std::to_string(picture.width) + "\" height=\"" +
           std::to_string(picture.height) + "\" alt=\"" + escaped(picture.caption) + "\" loading=\"lazy\">";
}

EmbeddedPicture embed(const Image& image, std::string caption, const char* type, const std::vector<uint8_t>& bytes) {
    return {std::move(caption), std::string("data:image/") + type + ";base64," + base64(bytes), image.width, image.height};
}

}  // namespace

EmbeddedPicture embed_photo(const Image& image, std::string caption, int quality) {
    return embed(image, std::move(caption), "jpeg", encode_jpeg(image, quality));
}

EmbeddedPicture embed_exact(const Image& image, std::string caption) {
    return embed(image, std::move(caption), "png", encode_png(image, 6));
}

HtmlReport::HtmlReport(std::string title, std::string subtitle) : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void HtmlReport::section(const std::string& heading) {
    if (!sections_.empty()) body_ += "</section>\n";
    sections_.push_back(heading);
    body_ += "<section id=\"s" + std::to_string(sections_.size()) + "\">\n<h2>" + escaped(heading) + "</h2>\n";
}

void HtmlReport::heading(const std::string& text) { body_ += "<h3>" + escaped(text) + "</h3>\n"; }

void HtmlReport::paragraph(const std::string& text) { body_ += "<p>" + escaped(text) + "</p>\n"; }

void HtmlReport::code(const std::string& text) { body_ += "<pre>" + escaped(text) + "</pre>\n"; }

void HtmlReport::highlights(const std::vector<std::pair<std::string, std::string>>& figures) {
    body_ += "<div class=\"highlights\">";
    for (const auto& [name, value] : figures) body_ += "<div><b>" + escaped(value) + "</b><span>" + escaped(name) + "</span></div>";
    body_ += "</div>\n";
}

void HtmlReport::facts(const std::vector<std::pair<std::string, std::string>>& facts) {
    body_ += "<dl>";
    for (const auto& [name, value] : facts) body_ += "<dt>" + escaped(name) + "</dt><dd>" + escaped(value) + "</dd>\n";
    body_ += "</dl>\n";
}

void HtmlReport::table(const TextTable& table) { body_ += table_html(table); }

void HtmlReport::folded_table(const std::string& summary, const TextTable& table) {
    body_ += "<details><summary>" + escaped(summary) + "</summary>\n" + table_html(table) + "</details>\n";
}

void HtmlReport::charts(const std::vector<Chart>& charts) {
    body_ += "<div class=\"charts\">\n";
    for (const Chart& chart : charts) body_ += svg_of(chart);
    body_ += "</div>\n";
}

void HtmlReport::pictures(const std::vector<EmbeddedPicture>& pictures) {
    body_ += "<div class=\"pictures\">\n";
    for (const EmbeddedPicture& picture : pictures) {
        body_ += "<figure>" + image_html(picture);
        if (!picture.caption.empty()) body_ += "<figcaption>" + escaped(picture.caption) + "</figcaption>";
        body_ += "</figure>\n";
    }
    body_ += "</div>\n";
}

void HtmlReport::sheet(const std::vector<std::string>& columns, const std::vector<SheetRow>& rows) {
    for (const SheetRow& row : rows)
        require(row.cells.size() == columns.size(), "report: row '", row.title, "' has ", row.cells.size(), " pictures for ",
                columns.size(), " columns");
    body_ += "<div class=\"wide\"><table class=\"sheet\"><thead><tr>";
    for (const std::string& column : columns) body_ += "<th>" + escaped(column) + "</th>";
    body_ += "</tr></thead><tbody>\n";
    for (const SheetRow& row : rows) {
        if (!row.title.empty())
            body_ += "<tr><td class=\"row\" colspan=\"" + std::to_string(columns.size()) + "\"><span>" + escaped(row.title) +
                     "</span></td></tr>\n";
        body_ += "<tr>";
        for (const EmbeddedPicture& cell : row.cells)
            body_ += "<td>" + (cell.data_uri.empty() ? std::string() : image_html(cell)) + "</td>";
        body_ += "</tr>\n";
    }
    body_ += "</tbody></table></div>\n";
}

std::string HtmlReport::html() const {
    std::string out =
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>" +
        escaped(title_) + "</title>\n<style>" + page_css + chart_css() + "</style>\n</head>\n<body>\n<header><h1>" + escaped(title_) +
        "</h1>\n";
    if (!subtitle_.empty()) out += "<p class=\"subtitle\">" + escaped(subtitle_) + "</p>\n";
    out += "</header>\n";
    if (sections_.size() > 1) {
        out += "<nav><div>";
        for (size_t i = 0; i < sections_.size(); ++i)
            out += "<a href=\"#s" + std::to_string(i + 1) + "\">" + escaped(sections_[i]) + "</a>";
        out += "</div></nav>\n";
    }
    return out + "<main>\n" + body_ + (sections_.empty() ? "" : "</section>\n") +
           "</main>\n<footer>made by purnet</footer>\n</body>\n</html>\n";
}

}  // namespace purnet
