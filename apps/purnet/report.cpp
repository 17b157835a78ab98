#include "apps/purnet/command.h"
#include "apps/run/console.h"
#include "apps/salient/run_report.h"
#include "apps/salient/run_table.h"

namespace purnet::app {

Run add_report(Options& options) {
    auto s = std::make_shared<RunReportOptions>();
    auto runs = std::make_shared<std::vector<std::string>>();
    auto scores = std::make_shared<std::string>();
    auto beside = std::make_shared<std::string>();
    auto table = std::make_shared<std::string>();
    auto out = std::make_shared<std::string>("report.html");
    options.example("purnet report runs/first --out report.html", "the curves and options of a run");
    options.example("purnet report runs/first --pictures DUTS-TE --photos holiday/ --out report.html", "with the best and worst pictures");
    options.example("purnet report runs/pa-1 runs/pa-2 runs/full-1 runs/full-2 --table - --quiet",
                    "a Markdown table, mean and spread over the seeds");
    options.words("RUN", *runs, "run folders; several stand side by side")->required();
    options.value("--scores", *scores, "FILE", "JSON of eval, for a table of the figures");
    options.value("--pictures", s->pictures, "DATA", "pictures with masks: the best and worst are shown");
    options.value("--photos", s->photos, "FILE|DIR", "pictures without masks");
    options.value("--beside", *beside, "FILE", "weights of another network, which is shown on the photographs as well");
    options.value("--shown", s->shown, "N", "how many of the best and of the worst")->check(in_range(1, 200));
    CLI::Option* const page = options.value("--out", *out, "FILE", "the page");
    options.value("--table", *table, "FILE",
                  "a Markdown table instead, runs that differ in the seed alone as one row: last validation and, where all runs hold "
                  "scores.json (of eval), those figures; - for stdout");
    return [s, runs, scores, beside, table, out, page] {
        s->runs.assign(runs->begin(), runs->end());
        if (!table->empty()) {
            if (given(page)) throw UsageError("--table stands in place of the page: leave --out out");
            write_result(*table, run_table(s->runs));
            return static_cast<int>(all_fine);
        }
        s->scores = *scores;
        s->beside = *beside;
        s->out = *out;
        write_run_report(*s);
        say("wrote ", *out);
        return static_cast<int>(all_fine);
    };
}

}  // namespace purnet::app
