// What a program says while it works. Results go to stdout, everything else to stderr; --quiet leaves warnings and errors.
// Colour only where it is wanted: --color always|never, else NO_COLOR, CLICOLOR_FORCE, TERM=dumb and whether a terminal reads.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "kernels/runtime/error.h"

namespace purnet {

enum class Choice { automatic, always, never };
enum class ProgressStyle { automatic, bar, plain, none };

struct Console {
    bool quiet = false;
    Choice colour = Choice::automatic;
    ProgressStyle progress = ProgressStyle::automatic;
};

// The process has one console; set it before threads start.
Console& console();

bool is_terminal(std::FILE* stream);
bool use_colour(std::FILE* stream);
// Columns of the terminal behind `stream`, else COLUMNS, else `otherwise`.
int terminal_width(std::FILE* stream, int otherwise = 100);

// Text between the codes for one colour, or bare.
enum class Ink { bold, red, yellow, green, faint };
std::string inked(std::string_view text, Ink ink, bool on);

// One line to stderr; a progress bar that stands there is wiped before and drawn again after.
void write_line(std::string_view line);

template <class... Parts>
void say(const Parts&... parts) {
    if (!console().quiet) write_line(concat(parts...));
}

template <class... Parts>
void warn(const Parts&... parts) {
    write_line(inked("purnet: warning: ", Ink::yellow, use_colour(stderr)) + concat(parts...));
}

// A bar that occupies stderr's last line registers how to wipe and redraw itself. Null: it is gone, and is wiped.
struct LastLine {
    virtual ~LastLine() = default;
    virtual void wipe() = 0;
    virtual void redraw() = 0;
};
void occupy_last_line(LastLine* owner);
void redraw_last_line();

}  // namespace purnet
