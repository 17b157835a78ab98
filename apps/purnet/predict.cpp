#include <cstdio>
#include <iostream>
#include <iterator>

#include "apps/purnet/command.h"
#include "apps/run/console.h"
#include "apps/run/prediction.h"
#include "apps/run/signals.h"
#include "data/image/decode.h"

namespace purnet::app {
namespace {

namespace fs = std::filesystem;

struct Settings {
    std::string weights;
    int size = 0;
    PredictionOptions prediction;
    std::string out;
    std::vector<std::string> inputs;
};

// One picture from stdin, its mask to stdout, or all outputs into a folder where --out names one.
int predict_stdin(Predictor& predictor, const Settings& s) {
    const std::vector<char> text((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    const Image rgb = decode_rgb({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, "stdin");
    const std::vector<float> map = predictor.map(rgb.pixels.data(), rgb.width, rgb.height);
    const std::vector<RenderedFile> files = render_outputs(predictor, rgb, map, s.prediction);
    if (s.out.empty() || s.out == "-") {
        require(files.size() == 1, "stdout takes one --output; name a folder with --out for several");
        std::fwrite(files[0].bytes.data(), 1, files[0].bytes.size(), stdout);
        require(std::fflush(stdout) == 0, "stdout cannot be written");
        return all_fine;
    }
    write_rendered(files, fs::path(s.out) / "stdin");
    return all_fine;
}

}  // namespace

app::Run add_predict(Options& options) {
    auto s = std::make_shared<Settings>();
    options.example("purnet predict --weights light.safetensors --out masks photo.jpg holiday/",
                    "a mask for a photograph and for each in a folder");
    options.example("purnet predict --weights w.safetensors --output mask,cutout,overlay --out out photo.jpg", "several pictures of each");
    options.example("purnet predict --weights w.safetensors - < photo.jpg > mask.png", "in a pipe");
    options.group("Network");
    options.value("--weights", s->weights, "FILE", "weights: .safetensors of this program, or a published .pth")->required();
    options.value("--size", s->size, "N", "side of the network's input; 0: as stored with the weights")->check(in_range(0, 8192));
    options.value("--batch", s->prediction.batch, "N", "pictures computed at once")->check(in_range(1, 64));
    options.group("Output");
    options.value("--out", s->out, "DIR", "folder of the results");
    options.value("--output", s->prediction.outputs, "KIND,...", "mask, cutout, overlay, sheet, attentions, levels")
        ->delimiter(',')
        ->check(one_of({"mask", "cutout", "overlay", "sheet", "attentions", "levels"}));
    options.flag("--npy", s->prediction.npy, "also NAME.npy: the map as float32 at the network's size");
    options.flag("--sixteen-bit", s->prediction.sixteen_bit, "masks with 16 bits");
    options.flag("--as-published", s->prediction.as_published, "8 bits first (truncated), then resized, as the authors' code does");
    options.words("INPUT", s->inputs, "pictures, folders, or - for stdin")->required();
    return [s] {
        watch_signals("finishing the current picture");
        Predictor predictor(s->weights, {.size = s->size});
        if (s->inputs == std::vector<std::string>{"-"}) return predict_stdin(predictor, *s);
        if (s->out.empty()) throw UsageError("--out is missing: the folder of the results");
        s->prediction.out = s->out;
        const std::vector<PredictionJob> jobs = prediction_jobs(s->inputs);
        const PredictionResult result = predict_files(predictor, jobs, s->prediction);
        say(result.done, " of ", jobs.size(), " pictures in ", s->out);
        if (stop_requested()) return stop_exit_code();
        return static_cast<int>(result.failures.empty() ? all_fine : some_inputs_failed);
    };
}

}  // namespace purnet::app
