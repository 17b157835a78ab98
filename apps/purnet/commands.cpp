#include "apps/purnet/command.h"

namespace purnet::app {

Run add_train(Options& options);
Run add_predict(Options& options);
Run add_eval(Options& options);
Run add_check_data(Options& options);
Run add_report(Options& options);
Run add_draw(Options& options);
Run add_bench(Options& options);
Run add_info(Options& options);
Run add_export(Options& options);
Run add_completion(Options& options);
Run add_manual(Options& options);

const std::vector<Command>& commands() {
    static const std::vector<Command> all = {
        {"train", "train a network on pictures and masks, stage by stage", add_train},
        {"predict", "draw masks of pictures with a trained network", add_predict},
        {"eval", "score saliency maps against masks: the field's nine figures, curves, intervals", add_eval},
        {"check-data", "what is wrong with a data set: partners, sizes, masks, damage, duplicates, leaks", add_check_data},
        {"report", "one HTML page about training runs: curves, figures, pictures", add_report},
        {"draw", "draw textured pictures with known masks, to try things out", add_draw},
        {"bench", "time the network on this machine", add_bench},
        {"export", "write a network to a weights file: for others, or for prediction alone", add_export},
        {"info", "describe a network or a weights file: parameters, work, plan", add_info},
        {"completion", "print a script that lets bash, zsh or fish complete commands and options", add_completion},
        {"manual", "print a manual page", add_manual},
    };
    return all;
}

}  // namespace purnet::app
