#include "apps/run/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <mutex>

#include "kernels/runtime/warning.h"

namespace purnet {
namespace {

bool is_set(const char* name) {
    const char* value = std::getenv(name);
    return value && *value;
}

std::mutex& output_mutex() {
    static std::mutex mutex;
    return mutex;
}

LastLine* last_line = nullptr;

const bool registered = [] {
    set_warning_sink([](const std::string& sentence) { warn(sentence); });
    return true;
}();

}  // namespace

Console& console() {
    static Console instance;
    return instance;
}

bool is_terminal(std::FILE* stream) { return ::isatty(::fileno(stream)) == 1; }

bool use_colour(std::FILE* stream) {
    if (console().colour != Choice::automatic) return console().colour == Choice::always;
    if (is_set("NO_COLOR")) return false;
    if (is_set("CLICOLOR_FORCE") && std::strcmp(std::getenv("CLICOLOR_FORCE"), "0") != 0) return true;
    const char* term = std::getenv("TERM");
    return is_terminal(stream) && term && std::strcmp(term, "dumb") != 0;
}

int terminal_width(std::FILE* stream, int otherwise) {
    winsize size{};
    if (::ioctl(::fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    const char* columns = std::getenv("COLUMNS");
    const int wish = columns ? std::atoi(columns) : 0;
    return wish >= 20 && wish <= 1000 ? wish : otherwise;
}

std::string inked(std::string_view text, Ink ink, bool on) {
    if (!on) return std::string(text);
    static constexpr const char* codes[] = {"\x1b[1m", "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[2m"};
    return codes[static_cast<size_t>(ink)] + std::string(text) + "\x1b[0m";
}

void write_line(std::string_view line) {
    const std::lock_guard lock(output_mutex());
    if (last_line) last_line->wipe();
    std::string text(line);
    text += '\n';
    std::fwrite(text.data(), 1, text.size(), stderr);
    if (last_line) last_line->redraw();
}

void occupy_last_line(LastLine* owner) {
    const std::lock_guard lock(output_mutex());
    if (last_line && !owner) last_line->wipe();
    last_line = owner;
}

void redraw_last_line() {
    const std::lock_guard lock(output_mutex());
    if (last_line) last_line->redraw();
}

}  // namespace purnet
