#include "apps/run/svg_chart.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

// Told apart by readers with any colour vision (after Okabe and Ito, darkened for lines on white).
constexpr std::array<const char*, 8> palette = {"#0072b2", "#d55e00", "#009e73", "#b5529c", "#7a6a00", "#3aa0d8", "#8c4a1f", "#6b6b6b"};
constexpr double font = 13, letter = 7.2;  // units; the mean width of a letter

const char* colour_of(size_t index) { return palette[index % palette.size()]; }

std::string number(double value) {
    char text[48];
    std::snprintf(text, sizeof text, "%.1f", value);
    std::string out(text);
    if (out.ends_with(".0")) out.resize(out.size() - 2);
    return out == "-0" ? "0" : out;
}

double text_width(const std::string& text) {
    return letter * static_cast<double>(
                        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

struct Axis {
    double low, high;
    bool logarithmic;
    std::vector<double> ticks;
    std::vector<std::string> labels;

    double place(double value) const {
        return logarithmic ? (std::log10(value) - std::log10(low)) / (std::log10(high) - std::log10(low)) : (value - low) / (high - low);
    }
    bool shows(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }
};

void extend(double& low, double& high, double value) {
    low = std::min(low, value);
    high = std::max(high, value);
}

Axis linear_axis(double low, double high, const std::optional<double>& fixed_low, const std::optional<double>& fixed_high, int most,
                 bool round_ends) {
    if (!(low <= high)) low = 0, high = 1;
    if (high - low <= 1e-9 * std::max(std::abs(low), std::abs(high))) {
        const double room = low == 0 ? 1 : std::abs(low) * 0.1;
        low -= room;
        high += room;
    }
    Axis axis{fixed_low.value_or(low), fixed_high.value_or(high), false, {}, {}};
    if (!(axis.low < axis.high)) axis.high = axis.low + 1;
    std::vector<double> ticks = round_ticks(axis.low, axis.high, most);
    const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
    if (round_ends && !fixed_low) axis.low = ticks.front();
    if (round_ends && !fixed_high) axis.high = ticks.back();
    for (const double tick : ticks) {
        if (tick < axis.low - 1e-9 * step || tick > axis.high + 1e-9 * step) continue;
        axis.ticks.push_back(tick);
        axis.labels.push_back(tick_text(tick, step));
    }
    return axis;
}

// The largest of 1, 2, 5 times a power of ten that is not above `value`, and the smallest not below.
double round_down(double value) {
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double factor : {5.0, 2.0})
        if (factor * power <= value * (1 + 1e-9)) return factor * power;
    return power;
}
double round_up(double value) {
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= value * (1 - 1e-9)) return factor * power;
    return 10 * power;
}

Axis log_axis(double low, double high) {
    if (!(low <= high)) low = 0.1, high = 1;
    Axis axis{round_down(low), round_up(high), true, {}, {}};
    if (!(axis.low < axis.high)) axis.high *= 10;
    const int first = static_cast<int>(std::floor(std::log10(axis.low) + 1e-9)),
              last = static_cast<int>(std::floor(std::log10(axis.high) + 1e-9));
    const int stride = std::max(1, (last - first + 5) / 6);
    const auto put = [&](double tick) {
        if (tick < axis.low * (1 - 1e-9) || tick > axis.high * (1 + 1e-9)) return;
        axis.ticks.push_back(tick);
        axis.labels.push_back(tick_text(tick, tick));
    };
    for (int decade = first; decade <= last; decade += stride) {
        put(std::pow(10, decade));
        if (last - first > 2) continue;
        put(2 * std::pow(10, decade));
        put(5 * std::pow(10, decade));
    }
    return axis;
}

struct Frame {
    double left, top, width, height;
};

// At most about two points a unit of width: of each column the first, lowest, highest and last stay.
std::string path_of(const Series& series, const Axis& x, const Axis& y, const Frame& frame) {
    std::string path;
    bool pen_down = false;
    double last_x = 0, last_y = 0;
    int column = std::numeric_limits<int>::min();
    double low = 0, high = 0, end = 0, at = 0;
    bool held = false;
    const auto put = [&](double px, double py) {
        if (pen_down && std::abs(px - last_x) < 0.05 && std::abs(py - last_y) < 0.05) return;
        path += (pen_down ? "L" : "M") + number(px) + " " + number(py);
        pen_down = true;
        last_x = px;
        last_y = py;
    };
    const auto flush = [&] {
        if (!held) return;
        put(at, low);
        put(at, high);
        put(at, end);
        held = false;
    };
    for (size_t i = 0; i < series.x.size(); ++i) {
        if (!y.shows(series.y[i]) || !x.shows(series.x[i])) {
            flush();
            pen_down = false;
            column = std::numeric_limits<int>::min();
            continue;
        }
        const double px = frame.left + frame.width * x.place(series.x[i]);
        const double py = frame.top + frame.height * (1 - std::clamp(y.place(series.y[i]), -10.0, 11.0));
        const int here = static_cast<int>(std::floor(std::clamp(px, -1e6, 1e6)));
        if (here != column) {
            flush();
            column = here;
            put(px, py);
            low = high = end = py;
            at = px;
        } else {
            held = true;
            low = std::min(low, py);
            high = std::max(high, py);
            end = py;
            at = px;
        }
    }
    flush();
    return path;
}

struct LegendEntry {
    std::string name;
    size_t colour;
    double x, y;
};

std::vector<LegendEntry> legend_of(const Chart& chart, double left, double right, double& y) {
    std::vector<LegendEntry> entries;
    double x = left;
    bool any = false;
    for (size_t i = 0; i < chart.series.size(); ++i) {
        const Series& series = chart.series[i];
        if (series.name.empty()) continue;
        const double needs = 26 + text_width(series.name);
        if (any && x + needs > right) {
            x = left;
            y += font + 5;
        }
        entries.push_back({series.name, series.colour >= 0 ? static_cast<size_t>(series.colour) : i, x, y});
        x += needs + 12;
        any = true;
    }
    if (any) y += font + 4;
    return entries;
}

void put_text(std::string& out, double x, double y, const char* attributes, const std::string& text) {
    out += "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\"" + attributes + ">" + escaped(text) + "</text>\n";
}

void put_axes(std::string& out, const Axis& x, const Axis& y, const Frame& frame) {
    const double bottom = frame.top + frame.height;
    out += "<g class=\"grid\">";
    for (const double tick : y.ticks) {
        const std::string at = number(frame.top + frame.height * (1 - y.place(tick)));
        out += "<path d=\"M" + number(frame.left) + " " + at + "H" + number(frame.left + frame.width) + "\"/>";
    }
    for (const double tick : x.ticks) {
        const std::string at = number(frame.left + frame.width * x.place(tick));
        out += "<path d=\"M" + at + " " + number(bottom) + "v4\"/>";
    }
    out += "<path class=\"axis\" d=\"M" + number(frame.left) + " " + number(bottom) + "h" + number(frame.width) + "\"/></g>\n";
    for (size_t i = 0; i < y.ticks.size(); ++i)
        put_text(out, frame.left - 6, frame.top + frame.height * (1 - y.place(y.ticks[i])) + 4, " text-anchor=\"end\"", y.labels[i]);
    for (size_t i = 0; i < x.ticks.size(); ++i)
        put_text(out, frame.left + frame.width * x.place(x.ticks[i]), bottom + 18, " text-anchor=\"middle\"", x.labels[i]);
}

// Everything inside one chart's <svg>, `clip` naming its plot area.
std::string body_of(const Chart& chart, const std::string& clip) {
    double x_low = INFINITY, x_high = -INFINITY, y_low = INFINITY, y_high = -INFINITY;
    for (const Series& series : chart.series) {
        require(series.x.size() == series.y.size(), "chart '", chart.title, "': series '", series.name, "' has ", series.x.size(),
                " x and ", series.y.size(), " y");
        for (size_t i = 0; i < series.x.size(); ++i) {
            if (!std::isfinite(series.x[i]) || !std::isfinite(series.y[i]) || (chart.log_y && series.y[i] <= 0)) continue;
            extend(x_low, x_high, series.x[i]);
            extend(y_low, y_high, series.y[i]);
        }
    }
    const double total_width = chart.width, total_height = chart.height;
    double top = 12;
    if (!chart.title.empty()) top += 18;
    const double title_y = top;
    if (!chart.title.empty()) top += 6;
    double legend_y = top + 12;
    const std::vector<LegendEntry> legend = legend_of(chart, 14, total_width - 10, legend_y);
    if (!legend.empty()) top = legend_y - 6;
    if (!chart.y_label.empty()) top += 20;
    top += 4;

    const double bottom = total_height - (chart.x_label.empty() ? 26 : 44);
    const int y_ticks = std::max(2, static_cast<int>((bottom - top) / 30));
    const Axis y = chart.log_y ? log_axis(y_low, y_high) : linear_axis(y_low, y_high, chart.y_min, chart.y_max, y_ticks, true);
    double label_width = 0;
    for (const std::string& label : y.labels) label_width = std::max(label_width, text_width(label));
    const Frame frame{14 + label_width, top, total_width - 14 - label_width - 18, bottom - top};
    const Axis x = linear_axis(x_low, x_high, chart.x_min, chart.x_max, std::max(2, static_cast<int>(frame.width / 64)), false);

    std::string out;
    if (!chart.title.empty()) put_text(out, 14, title_y, " class=\"title\"", chart.title);
    for (const LegendEntry& entry : legend) {
        out += "<path class=\"line\" stroke=\"" + std::string(colour_of(entry.colour)) + "\" d=\"M" + number(entry.x) + " " +
               number(entry.y - 4) + "h18\"/>";
        put_text(out, entry.x + 23, entry.y, "", entry.name);
    }
    if (!chart.y_label.empty()) put_text(out, 14, frame.top - 14, " class=\"label\"", chart.y_label);
    if (!chart.x_label.empty())
        put_text(out, frame.left + frame.width / 2, total_height - 8, " class=\"label\" text-anchor=\"middle\"", chart.x_label);
    put_axes(out, x, y, frame);
    out += "<clipPath id=\"" + clip + "\"><rect x=\"" + number(frame.left) + "\" y=\"" + number(frame.top - 2) + "\" width=\"" +
           number(frame.width) + "\" height=\"" + number(frame.height + 4) + "\"/></clipPath>\n<g clip-path=\"url(#" + clip + ")\">\n";
    for (const bool faint : {true, false})
        for (size_t i = 0; i < chart.series.size(); ++i) {
            const Series& series = chart.series[i];
            if (series.faint != faint) continue;
            const size_t colour = series.colour >= 0 ? static_cast<size_t>(series.colour) : i;
            out += "<path class=\"line" + std::string(faint ? " faint" : "") + "\" stroke=\"" + colour_of(colour) + "\" d=\"" +
                   path_of(series, x, y, frame) + "\"><title>" + escaped(series.name) + "</title></path>\n";
        }
    out += "</g>\n";
    for (const ChartMark& mark : chart.marks) {
        if (!x.shows(mark.x) || !y.shows(mark.y)) continue;
        const double px = frame.left + frame.width * x.place(mark.x), py = frame.top + frame.height * (1 - y.place(mark.y));
        if (px < frame.left - 1 || px > frame.left + frame.width + 1 || py < frame.top - 1 || py > bottom + 1) continue;
        out += "<circle cx=\"" + number(px) + "\" cy=\"" + number(py) + "\" r=\"4\" fill=\"" +
               colour_of(static_cast<size_t>(std::max(mark.colour, 0))) + "\"/>";
        const bool to_the_left = px + 8 + text_width(mark.label) > frame.left + frame.width;
        put_text(out, to_the_left ? px - 8 : px + 8, std::max(py - 7, frame.top + 10), to_the_left ? " text-anchor=\"end\"" : "",
                 mark.label);
    }
    return out;
}

// Clip paths of one page need names of their own.
std::string clip_name(const Chart& chart) {
    uint64_t hash = 0xcbf29ce484222325u;
    const auto mix = [&](const void* data, size_t size) {
        for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3u;
    };
    mix(chart.title.data(), chart.title.size());
    for (const Series& series : chart.series) {
        mix(series.name.data(), series.name.size());
        mix(series.y.data(), series.y.size() * sizeof(double));
    }
    char text[32];
    std::snprintf(text, sizeof text, "clip-%016llx", static_cast<unsigned long long>(hash));
    return text;
}

std::string box(int width, int height) { return "viewBox=\"0 0 " + std::to_string(width) + " " + std::to_string(height) + "\""; }

}  // namespace

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else if (static_cast<unsigned char>(c) >= 32 || c == '\n' || c == '\t')
            out += c;
    }
    return out;
}

std::vector<double> smoothed(const std::vector<double>& y, double weight) {
    std::vector<double> out;
    double sum = 0, weights = 0;
    for (const double value : y) {
        if (std::isfinite(value)) {
            sum = weight * sum + (1 - weight) * value;
            weights = weight * weights + (1 - weight);
        }
        out.push_back(weights > 0 ? sum / weights : value);
    }
    return out;
}

std::vector<double> round_ticks(double low, double high, int most) {
    const double raw = (high - low) / std::max(most - 1, 1);
    const double power = std::pow(10, std::floor(std::log10(raw)));
    double step = 10 * power;
    for (const double factor : {1.0, 2.0, 5.0})
        if (factor * power >= raw * (1 - 1e-9)) {
            step = factor * power;
            break;
        }
    std::vector<double> ticks;
    const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
    const int count = static_cast<int>(std::clamp(last - first, 1.0, 1000.0));
    for (int i = 0; i <= count; ++i) ticks.push_back(first + i == 0 ? 0 : (first + i) * step);
    return ticks;
}

std::string tick_text(double value, double step) {
    char text[64];
    const double size = std::abs(value);
    if (value == 0) return "0";
    if (size >= 1e9 || size < 1e-4) {
        std::snprintf(text, sizeof text, "%.3g", value);
        return text;
    }
    const double unit = size >= 1e6 ? 1e6 : size >= 1e4 ? 1e3 : 1;
    const char* suffix = size >= 1e6 ? "M" : size >= 1e4 ? "k" : "";
    const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step / unit) - 1e-9)), 0, 6);
    std::snprintf(text, sizeof text, "%.*f%s", decimals, value / unit, suffix);
    return text;
}

std::string chart_css() {
    return ".chart{color:#222;font:13px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
           ".chart text{fill:currentColor;font-size:13px}"
           ".chart .title{font-weight:600;font-size:15px}"
           ".chart .label{opacity:.7}"
           ".chart .grid path{stroke:currentColor;opacity:.16;fill:none}"
           ".chart .grid .axis{opacity:.6}"
           ".chart .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
           ".chart .faint{stroke-width:1;opacity:.3}"
           "@media (prefers-color-scheme:dark){.chart{color:#d8dade}.chart .line{filter:brightness(1.35)}}";
}

std::string svg_of(const Chart& chart) {
    return "<svg class=\"chart\" " + box(chart.width, chart.height) + " role=\"img\" aria-label=\"" + escaped(chart.title) + "\">\n" +
           body_of(chart, clip_name(chart)) + "</svg>\n";
}

std::string svg_file_of(const std::vector<Chart>& charts, int columns) {
    require(!charts.empty() && columns > 0, "a chart file needs at least one chart and one column");
    const int used = std::min<int>(columns, static_cast<int>(charts.size()));
    const int rows = (static_cast<int>(charts.size()) + used - 1) / used;
    int cell_width = 0, cell_height = 0;
    for (const Chart& chart : charts) {
        cell_width = std::max(cell_width, chart.width);
        cell_height = std::max(cell_height, chart.height);
    }
    const int width = used * cell_width, height = rows * cell_height;
    std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart page\" " + box(width, height) + " width=\"" +
                      std::to_string(width) + "\" height=\"" + std::to_string(height) + "\">\n<style>" + chart_css() +
                      ".page{background:#fff}@media (prefers-color-scheme:dark){.page{background:#16181d}}</style>\n";
    for (size_t i = 0; i < charts.size(); ++i) {
        const int column = static_cast<int>(i) % used, row = static_cast<int>(i) / used;
        out += "<svg x=\"" + std::to_string(column * cell_width) + "\" y=\"" + std::to_string(row * cell_height) + "\" width=\"" +
               std::to_string(charts[i].width) + "\" height=\"" + std::to_string(charts[i].height) + "\">\n" +
               body_of(charts[i], "clip-" + std::to_string(i)) + "</svg>\n";
    }
    return out + "</svg>\n";
}

}  // namespace purnet
