// purnet eval: saliency maps against masks.
#include <cstdio>
#include <memory>

#include "apps/purnet/command.h"
#include "apps/run/console.h"
#include "apps/run/evaluation_html.h"
#include "core/formats/atomic_file.h"

namespace purnet::app {
namespace {

struct Settings {
    std::vector<std::string> pred;
    std::string gt, protocol = "pysod", json, csv, curves, html, images;
    int64_t bootstrap = 0, shown = 10;
    uint64_t seed = 1;
    bool resize = false, extra = false, folders = false;
};

struct Method {
    std::string name;
    std::filesystem::path folder;
};

// "NAME=DIR", or a folder that is named after itself.
Method method_of(const std::string& text) {
    const size_t equal = text.find('=');
    std::error_code ignored;
    if (equal != std::string::npos && equal > 0 && !std::filesystem::exists(text, ignored))
        return {text.substr(0, equal), text.substr(equal + 1)};
    std::filesystem::path folder(text);
    const std::filesystem::path last = folder.has_filename() ? folder.filename() : folder.parent_path().filename();
    return {last.string(), folder};
}

std::vector<Method> methods_of(const std::vector<std::string>& texts) {
    std::vector<Method> methods;
    for (const std::string& text : texts) {
        Method method = method_of(text);
        int clashes = 1;
        const std::string name = method.name;
        for (size_t i = 0; i < methods.size(); ++i)
            if (methods[i].name == method.name) {
                method.name = name + "#" + std::to_string(++clashes);
                i = static_cast<size_t>(-1);
            }
        methods.push_back(std::move(method));
    }
    return methods;
}

void print(const TextTable& table) { std::fputs(text_of(table).c_str(), stdout); }

int evaluate(const Settings& settings) {
    EvaluationReport report;
    report.protocol = metrics::protocol_named(settings.protocol);
    report.masks = settings.gt;
    report.seed = settings.seed;
    if (settings.extra && report.protocol != metrics::Protocol::pysod) throw UsageError("--extra belongs to --protocol pysod");

    if (!settings.curves.empty() && report.protocol == metrics::Protocol::purnet)
        throw UsageError("--protocol purnet has one threshold an image and no curves to draw");

    if (!settings.images.empty()) picture_names(settings.images, "images");  // better refused now than after the work

    bool complete = true;
    for (const Method& method : methods_of(settings.pred)) {
        Evaluation evaluation =
            purnet::evaluate(method.name, method.folder, settings.gt, {report.protocol, settings.extra, settings.resize});
        if (evaluation.pairing.by_file_name) say("purnet: ", method.name, ": the folders differ; matched by file names alone");
        for (const std::string& complaint : complaints_of(evaluation)) warn(complaint);
        complete = complete && evaluation.complete();
        report.methods.push_back(std::move(evaluation));
    }
    if (settings.bootstrap > 0)
        for (const Evaluation& method : report.methods) {
            std::vector<metrics::Scores> scores;
            for (const ImageResult& image : method.images) scores.push_back(image.scores);
            report.resamples.push_back(metrics::bootstrap(report.protocol, scores, settings.bootstrap, settings.seed));
        }

    if (!settings.json.empty()) write_result(settings.json, json_of(report));
    if (!settings.curves.empty()) atomic_write(settings.curves, svg_file_of(charts_of(report), 3));
    if (!settings.html.empty()) {
        EvaluationPage page;
        if (!settings.images.empty()) page.images = settings.images;
        page.shown = settings.shown;
        atomic_write(settings.html, html_of(report, page));
    }
    if (!settings.csv.empty()) atomic_write(settings.csv, csv_of(report));
    const int code = complete ? all_fine : some_inputs_failed;
    if (settings.json == "-") return code;
    print(figures_table(report));
    if (!report.resamples.empty()) {
        std::fputs("\n", stdout);
        print(intervals_table(report));
    }
    if (settings.folders) {
        std::fputs("\n", stdout);
        print(folders_table(report));
    }
    if (settings.extra)
        for (const Evaluation& method : report.methods) {
            std::fputs("\n", stdout);
            print(ratios_table(method));
        }
    return code;
}

}  // namespace

Run add_eval(Options& options) {
    auto s = std::make_shared<Settings>();
    options.example("purnet eval --pred maps --gt DUTS-TE/masks", "the nine figures of one folder of maps, matched with the masks by name");
    options.example("purnet eval --pred ours=maps --pred u2net=other --gt masks --bootstrap 1000 --json scores.json",
                    "two methods side by side with 95 % intervals, and every image's figures as JSON");
    options.group("Maps and masks");
    options.value("--pred", s->pred, "[NAME=]DIR", "folder of maps; repeat it for several methods")->required();
    options.value("--gt", s->gt, "DIR", "folder of masks with the same names")->required();
    options.flag("--resize", s->resize,
                 "scale maps of another size to their masks, bilinear (nearest with --protocol purnet); without it they are failures");
    options.group("Figures");
    options
        .value("--protocol", s->protocol, "NAME",
               "pysod: PySODMetrics 1.6.2; dss: SalMetric of DSS and PoolNet; purnet: the evaluation of PurNet's authors")
        ->check(one_of({"pysod", "dss", "purnet"}));
    options.flag("--extra", s->extra, "also IoU, Dice, precision, recall, kappa and the like");
    options.flag("--folders", s->folders, "also a line for every subfolder (one a video, where frames lie in folders)");
    options.value("--bootstrap", s->bootstrap, "N", "95 % intervals from N resamples of the images")->check(in_range(0, 1000000));
    options.value("--seed", s->seed, "N", "of the resamples");
    options.group("Files to write");
    options.value("--json", s->json, "FILE", "everything, full precision, each image too; - for stdout, without the tables");
    options.value("--csv", s->csv, "FILE", "one line an image");
    options.value("--curves", s->curves, "FILE.svg", "precision over recall, F and E over the threshold");
    options.value("--html", s->html, "FILE", "a page with figures, curves, the best and worst pictures");
    options.value("--images", s->images, "DIR", "photographs of the same names, to stand beside the maps on the page");
    options.value("--shown", s->shown, "N", "pictures at either end of the page's ranking")->check(in_range(0, 1000));
    return [s] { return evaluate(*s); };
}

}  // namespace purnet::app
