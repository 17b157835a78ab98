#include "apps/purnet/command.h"
#include "apps/run/console.h"
#include "apps/run/progress.h"
#include "apps/run/signals.h"
#include "data/drawn/drawn.h"

namespace purnet::app {
namespace {

struct Settings {
    std::string out;
    int count = 400, size = 160;
    uint64_t seed = 1;
};

int draw(const Settings& s) {
    Progress progress("pictures", s.count);
    for (int i = 0; i < s.count; ++i) {
        if (stop_requested()) return stop_exit_code();
        write_drawn(s.out, s.seed, static_cast<uint64_t>(i), 1, s.size, s.size);
        progress.advance();
    }
    progress.finish();
    say(s.count, " pictures and masks in ", s.out);
    return all_fine;
}

}  // namespace

Run add_draw(Options& options) {
    auto s = std::make_shared<Settings>();
    options.example("purnet draw --count 400 --out drawn", "textured pictures with exact masks, to try things out without data");
    options.value("--out", s->out, "DIR", "gets images/ and masks/")->required();
    options.value("--count", s->count, "N", "how many")->check(in_range(1, 1000000));
    options.value("--size", s->size, "N", "side in pixels")->check(in_range(16, 4096));
    options.value("--seed", s->seed, "N", "another seed draws other pictures");
    return [s] {
        watch_signals("finishing the current picture");
        return draw(*s);
    };
}

}  // namespace purnet::app
