#include "apps/purnet/command.h"

namespace purnet::app {

Run add_eval(Options& options);

const std::vector<Command>& commands() {
    static const std::vector<Command> all = {
        {"eval", "score saliency maps against masks: the field's nine figures, curves, intervals", add_eval},
    };
    return all;
}

}  // namespace purnet::app
