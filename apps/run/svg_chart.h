// Line charts as SVG: axes with round ticks, a grid, a legend above the plot. Written for 480 x 320 units so that the letters stay
// readable on a telephone's width; in dark surroundings the colours follow. No script, no font files.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace purnet {

struct Series {
    std::string name;              // in the legend; "" keeps it out
    std::vector<double> x{}, y{};  // of one length; a NaN in y breaks the line
    bool faint = false;            // raw values behind a smoothed line
    int colour = -1;               // index into the palette; -1: the series' own place, so that faint and bold can share one
};

struct ChartMark {
    double x, y;
    std::string label;
    int colour = 0;
};

struct Chart {
    std::string title, x_label, y_label;
    std::vector<Series> series;
    std::vector<ChartMark> marks;                      // dots with a label, for instance the best step
    std::optional<double> x_min, x_max, y_min, y_max;  // else from the data
    bool log_y = false;                                // values that are not positive are left out
    int width = 480, height = 320;
};

// One <svg> element to put into a page, whose style sheet must hold chart_css().
std::string svg_of(const Chart& chart);
// A file of its own: charts beside and below each other.
std::string svg_file_of(const std::vector<Chart>& charts, int columns);

std::string chart_css();

// Exponential moving average without the bias of its beginning; weight in [0, 1) belongs to the past.
std::vector<double> smoothed(const std::vector<double>& y, double weight);

// Ticks at 1, 2 or 5 times a power of ten that cover [low, high], at most `most` of them.
std::vector<double> round_ticks(double low, double high, int most);
// "0.25", "20k", "1.5M", "1e-05".
std::string tick_text(double value, double step);

// & < > " for text in HTML and SVG.
std::string escaped(std::string_view text);

}  // namespace purnet
