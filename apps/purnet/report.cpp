#include "apps/purnet/command.h"
#include "apps/run/console.h"
#include "apps/salient/run_report.h"

namespace purnet::app {

Run add_report(Options& options) {
    auto s = std::make_shared<RunReportOptions>();
    auto runs = std::make_shared<std::vector<std::string>>();
    auto scores = std::make_shared<std::string>();
    auto beside = std::make_shared<std::string>();
    auto out = std::make_shared<std::string>("report.html");
    options.example("purnet report runs/first --out report.html", "the curves and options of a run");
    options.example("purnet report runs/first --pictures DUTS-TE --photos holiday/ --out report.html", "with the best and worst pictures");
    options.words("RUN", *runs, "run folders; several stand side by side")->required();
    options.value("--scores", *scores, "FILE", "JSON of eval, for a table of the figures");
    options.value("--pictures", s->pictures, "DATA", "pictures with masks: the best and worst are shown");
    options.value("--photos", s->photos, "FILE|DIR", "pictures without masks");
    options.value("--beside", *beside, "FILE", "weights of another network, which is shown on the photographs as well");
    options.value("--shown", s->shown, "N", "how many of the best and of the worst")->check(in_range(1, 200));
    options.value("--out", *out, "FILE", "the page");
    return [s, runs, scores, beside, out] {
        s->runs.assign(runs->begin(), runs->end());
        s->scores = *scores;
        s->beside = *beside;
        s->out = *out;
        write_run_report(*s);
        say("wrote ", *out);
        return static_cast<int>(all_fine);
    };
}

}  // namespace purnet::app
