#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <optional>
#include <tuple>

#include "apps/purnet/command.h"
#include "apps/purnet/tuning.h"
#include "apps/run/bus_error.h"
#include "apps/run/computing_device.h"
#include "apps/run/console.h"
#include "apps/run/patient_read.h"
#include "apps/run/signals.h"
#include "apps/run/user_cache.h"
#include "apps/salient/prediction.h"
#include "apps/salient/raw_frames.h"
#include "apps/salient/shipped_weights.h"
#include "apps/salient/watch_folder.h"
#include "data/image/decode.h"

namespace purnet::app {
namespace {

namespace fs = std::filesystem;

struct Settings {
    std::string weights, out, threshold = "none", background = "white", if_exists = "overwrite", batch = "1", precision = "f32",
                              packed = "auto";
    int size = 0;
    PredictionOptions prediction;
    std::string raw, pixel = "rgb24", raw_out;
    bool watch = false, npy = false;
    Tuning tuning;
    double settle = 1;
    std::vector<std::string> inputs;
    const CLI::Option *output_given = nullptr, *background_given = nullptr, *format_given = nullptr, *picture_given = nullptr;
};

constexpr size_t most_stdin_bytes = size_t{1} << 30;

// Options that don't fit are wrong usage, wherever that is found.
template <class Body>
void as_usage(Body&& body) {
    try {
        body();
    } catch (const Error& error) {
        throw UsageError(error.what());
    }
}

int batch_named(const std::string& text) {
    if (text == "auto") return 0;
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    require(error == std::errc() && end == text.data() + text.size() && value >= 1 && value <= 64, "--batch '", text,
            "': use auto or 1 to 64");
    return value;
}

// The suffix of FILE in the spelling of the forms: .JPEG is .jpg.
std::string form_of(const fs::path& file) {
    std::string suffix = file.extension().string();
    for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return suffix == ".jpeg" ? ".jpg" : suffix;
}

// Is the only input one picture, and goes its only result to a file or stdout?
bool to_one_file(const Settings& s) {
    if (s.out == "-" || (s.out.empty() && s.inputs == std::vector<std::string>{"-"})) return true;
    const std::string suffix = form_of(s.out);
    std::error_code error;
    return (suffix == ".png" || suffix == ".jpg" || suffix == ".pfm" || suffix == ".npy") && !fs::is_directory(s.out, error);
}

// ".png" of ".png" (which std::filesystem takes for a name) and of "_sheet.png".
std::string type_of(const std::string& suffix) { return suffix.substr(suffix.rfind('.')); }

// The suffix of FILE says which form its result takes, unless an option says so.
void take_form_of(const std::string& suffix, Settings& s) {
    OutputOptions& output = s.prediction.output;
    if (!given(s.format_given) && (suffix == ".pfm" || suffix == ".npy")) output.mask_formats = {suffix.substr(1)};
    if (!given(s.picture_given) && suffix == ".jpg") output.picture_format = "jpg";
}

void settle(Settings& s) {
    PredictionOptions& p = s.prediction;
    p.output.threshold = matting::threshold_named(s.threshold);
    p.if_exists = if_exists_named(s.if_exists);
    p.batch = batch_named(s.batch);
    p.out = s.out;
    if (given(s.background_given) && !given(s.output_given)) p.output.kinds = {"background"};
    const auto& kinds = p.output.kinds;
    if (s.npy && std::find(kinds.begin(), kinds.end(), "map") == kinds.end()) p.output.kinds.emplace_back("map");
    const bool wanted = std::find(kinds.begin(), kinds.end(), "background") != kinds.end();
    require(wanted || !given(s.background_given), "--background belongs to --output background");
    if (wanted) p.output.background = background_named(s.background);
    if (s.raw.empty() && !s.watch && to_one_file(s)) take_form_of(form_of(s.out), s);
    check(p.output);
    if (!s.weights.empty()) p.kept.emplace_back(s.weights);
    if (p.output.background.kind == Background::Kind::picture) p.kept.emplace_back(s.background);
}

std::string inputs_of(const Settings& s) { return s.inputs.size() == 1 ? s.inputs[0] : "several inputs"; }

int predict_one(Predictor& predictor, const Settings& s) {
    const std::string& input = s.inputs[0];
    const bool to_stdout = s.out.empty() || s.out == "-";
    const OutputOptions& output = s.prediction.output;
    const std::string suffix = fs::path(s.out).extension().string();  // as it is spelled: .JPG, .jpeg
    fs::path stem;
    if (!to_stdout) {
        std::vector<fs::path> kept = s.prediction.kept;
        if (input != "-") kept.emplace_back(input);
        const Inputs inputs(kept);
        stem = stem_for(fs::path(s.out).replace_extension(), {suffix}, s.prediction.if_exists, inputs);
        if (stem.empty()) {
            say(s.out, " is there already and was left as it is");
            return all_fine;
        }
    }
    Image rgb;
    if (input == "-") {
        const std::vector<uint8_t> bytes = patient_read_all(STDIN_FILENO, most_stdin_bytes, "stdin", stop_requested);
        if (stop_requested()) return stop_exit_code();
        rgb = decode_rgb(bytes, "stdin");
    } else {
        rgb = read_rgb(input);
    }
    std::vector<RenderedFile> files = render_outputs(predictor, rgb, predictor.map(rgb.pixels.data(), rgb.width, rgb.height), output);
    if (to_stdout) {
        write_result("-", {files[0].bytes.begin(), files[0].bytes.end()});
    } else {
        files[0].suffix = suffix;
        write_rendered(files, stem, s.prediction.if_exists);
    }
    return all_fine;
}

void check_one(const Settings& s) {
    std::error_code error;
    require(s.inputs.size() == 1 && !fs::is_directory(s.inputs[0], error), "--out ", s.out.empty() ? "-" : s.out,
            " takes one picture; name a folder for ", inputs_of(s));
    const std::vector<std::string> suffixes = suffixes_of(s.prediction.output);
    require(suffixes.size() == 1, "one file takes one output; name a folder with --out for several");
    const std::string suffix = form_of(s.out), wanted = type_of(suffixes[0]);
    require(s.out.empty() || s.out == "-" || suffix == wanted, "--out ", s.out, ": the result is a ", wanted, " file");
    require(!(s.out.empty() || s.out == "-") || !is_terminal(stdout), "stdout is a terminal: send it to a file, or name one with --out");
}

int predict_frames(Predictor& predictor, const Settings& s, const RawFrames& frames) {
    const RawResult result = predict_raw(predictor, STDIN_FILENO, STDOUT_FILENO, frames);
    say(result.frames, " frames");
    if (result.rest) {
        warn("stdin ended inside frame ", result.frames + 1, ": ", result.rest, " of ", result.frame_bytes, " bytes; does --raw ", s.raw,
             " --pixel ", s.pixel, " say how large a frame is?");
        return some_inputs_failed;
    }
    if (stop_requested()) return stop_exit_code();
    require(result.frames > 0, "stdin: no frames came");
    return all_fine;
}

RawFrames frames_of(const Settings& s) {
    require(!s.watch, "--raw and --watch exclude each other");
    require(s.inputs == std::vector<std::string>{"-"} && (s.out.empty() || s.out == "-"), "--raw reads stdin (-) and writes stdout");
    RawFrames frames;
    std::tie(frames.width, frames.height) = frame_size_named(s.raw);
    frames.in = s.pixel;
    frames.output = s.prediction.output;
    frames.batch = s.prediction.batch;
    frames.out = raw_output_for(frames.output, s.raw_out);
    require(!is_terminal(stdout), "stdout is a terminal: frames go to a pipe or a file");
    return frames;
}

int finish(const PredictionResult& result, const std::string& of, const Settings& s) {
    say(result.done, of, " in ", s.out, result.skipped ? concat("; ", result.skipped, " were there already") : std::string(),
        s.prediction.batch == 0 && result.done > 0 ? concat("; ", result.batch, " at once") : std::string());
    return result.failures.empty() ? all_fine : some_inputs_failed;
}

// Empty: none are kept, also where nobody says which folder is the user's.
fs::path packed_folder(const std::string& wish) {
    if (wish == "off") return {};
    if (wish != "auto") return wish;
    try {
        return user_cache("packed");
    } catch (const Error&) {
        return {};
    }
}

Predictor predictor_of(const Settings& s) {
    explain_bus_errors();
    return Predictor(
        s.weights.empty() ? shipped_weights() : fs::path(s.weights),
        {.size = s.size, .device = computing_device(), .precision = precision_named(s.precision), .packed = packed_folder(s.packed)});
}

// After the work, so that no result waits for it. Whatever stands in its way is no failure of the work.
void keep_packed(Predictor& predictor) {
    try {
        if (const fs::path file = predictor.keep_packed(); !file.empty())
            say("packed weights for the next start are kept in ", file.string(), " (--packed off keeps none)");
    } catch (const std::exception& error) {
        warn(error.what(), "; packed weights are not kept (--packed names another folder, or off)");
    }
}

int predict(Settings& s) {
    RawFrames frames;
    as_usage([&] {
        settle(s);
        if (!s.raw.empty()) frames = frames_of(s);
    });
    watch_signals("finishing the current picture");
    if (!s.raw.empty()) {
        Predictor predictor = predictor_of(s);
        const int code = predict_frames(predictor, s, frames);
        keep_packed(predictor);
        return code;
    }
    if (s.out.empty() && s.inputs != std::vector<std::string>{"-"})
        throw UsageError("--out is missing: the folder of the results, a file, or -");
    std::error_code error;
    if (!s.watch && !to_one_file(s) && fs::exists(s.out, error) && !fs::is_directory(s.out, error))
        throw UsageError("--out " + s.out + ": is a file; name a folder, or a file that ends in .png, .jpg, .pfm or .npy");
    if (s.watch) {
        std::optional<FolderWatch> watch;
        as_usage([&] { watch.emplace(s.inputs, s.out, s.settle, suffixes_of(s.prediction.output)); });
        Predictor predictor = predictor_of(s);
        say("watching ", inputs_of(s), "; Ctrl-C ends");
        s.prediction.announce = true;
        const PredictionResult result = predict_watched(predictor, *watch, s.prediction, s.settle);
        keep_packed(predictor);
        return finish(result, " pictures", s);
    }
    if (to_one_file(s)) {
        as_usage([&] { check_one(s); });
        Predictor predictor = predictor_of(s);
        const int code = predict_one(predictor, s);
        keep_packed(predictor);
        return code;
    }
    const bool has_stdin = std::find(s.inputs.begin(), s.inputs.end(), "-") != s.inputs.end();
    if (has_stdin) throw UsageError("stdin (-) is one picture of its own: give --out FILE, or leave --out away for stdout");
    const std::vector<PredictionJob> jobs = prediction_jobs(s.inputs, s.out, suffixes_of(s.prediction.output));
    Predictor predictor = predictor_of(s);
    const PredictionResult result = predict_files(predictor, jobs, s.prediction);
    const int code = finish(result, concat(" of ", jobs.size(), " pictures"), s);
    keep_packed(predictor);
    return stop_requested() ? stop_exit_code() : code;
}

int run(Settings& s) {
    const std::optional<TunedChoices> tuned = s.tuning.choices();
    return predict(s);
}

}  // namespace

app::Run add_predict(Options& options) {
    auto s = std::make_shared<Settings>();
    OutputOptions& output = s->prediction.output;
    options.example("purnet predict --out masks photo.jpg holiday/", "a mask for a photograph and for each in a folder");
    options.example("purnet predict --weights w.safetensors --output cutout --refine --decontaminate --out cut.png photo.jpg",
                    "the object alone, edges following the photograph's");
    options.example("ffmpeg -i a.mp4 -f rawvideo -pix_fmt rgb24 - | purnet predict --weights w.safetensors --raw 640x360 - > masks.gray",
                    "a film, frame by frame; docs/predict.md has both ends of the pipe");
    options.group("Network");
    options.value("--weights", s->weights, "FILE",
                  "weights: .safetensors of this program, or a published .pth; default: those that come with it");
    options.value("--size", s->size, "N", "side of the network's input; 0: as stored with the weights")->check(network_side());
    options
        .value("--precision", s->precision, "NAME",
               "f32; bf16 on CUDA devices, and on CPUs that have it; on CUDA devices also tf32: products of operands with 10 fraction "
               "bits; on the CPU int8: convolutions in 8 bits, for weights with measured ranges (purnet export --calibrate)")
        ->check(one_of({"f32", "tf32", "bf16", "int8"}));
    s->tuning.add_to(options);
    options.value("--packed", s->packed, "PLACE",
                  "where the weights are kept as the CPU computes with them, so that the next start maps them instead of reading and "
                  "packing: auto (the user's cache folder, 1 GiB at most), off, or a folder");
    options.value("--batch", s->batch, "N", "pictures computed at once; auto: tried out on the way, up to 8");
    options.group("Output");
    options.value("--out", s->out, "PATH", "folder of the results; for one picture also a file, or - for stdout");
    s->output_given = options
                          .value("--output", output.kinds, "KIND",
                                 "one or several, also with commas: mask, cutout (RGBA), background (see there), overlay, map "
                                 "(.npy at the network's size), sheet, attentions, levels")
                          ->delimiter(',')
                          ->check(one_of(output_kinds()));
    options.flag("--npy", s->npy, "the map too: short for adding it to --output");
    s->format_given =
        options
            .value("--mask-format", output.mask_formats, "FORMAT", "of masks, one or several, also with commas: 8 or 16 bits, or float32")
            ->delimiter(',')
            ->check(one_of(mask_formats()));
    s->picture_given =
        options.value("--picture-format", output.picture_format, "FORMAT", "of backgrounds and overlays")->check(one_of({"png", "jpg"}));
    s->background_given = options.value("--background", s->background, "WHAT",
                                        "behind the object: white, black, grey, red, green, blue, #rrggbb, R,G,B, blur, or a picture");
    options.value("--blur", output.blur_radius, "PIXELS", "radius for --background blur; 0: a fortieth of the longer side")
        ->check(in_range(0, 256));
    options.value("--if-exists", s->if_exists, "WHAT", "where a result is there already")->check(one_of(if_exists_names()));
    options.flag("--strict", s->prediction.strict, "end at the first picture that fails");
    options.group("Edges");
    options.flag("--refine", output.refine, "move the map's edges to the picture's (guided filter)");
    options.value("--refine-radius", output.refine_radius, "PIXELS", "how far; 0: four pixels of the network's input")
        ->check(in_range(0, 256));
    options.value("--refine-epsilon", output.refine_epsilon, "E", "squared contrast (of 1) below which edges are smoothed over")
        ->check(in_range(1e-9, 1));
    options.flag("--decontaminate", output.decontaminate, "take the old background's colour out of soft edges (cutout, background)");
    options.value("--threshold", s->threshold, "T", "none, otsu, adaptive (twice the mean), or a level from 0 to 1");
    options.flag("--as-published", output.as_published, "8 bits first (truncated), then resized, as the authors' code does");
    options.group("Streams");
    options.value("--raw", s->raw, "WxH", "stdin is frames of this size without a container, stdout too");
    options.value("--pixel", s->pixel, "FORM", "of the frames that come in")->check(one_of(raw_inputs()));
    options
        .value("--raw-out", s->raw_out, "FORM",
               "of those that go out: gray, gray16le (mask), rgba, bgra (cutout), rgb24, bgr24 (background, overlay)")
        ->check(one_of(raw_outputs()));
    options.flag("--watch", s->watch, "predict what appears in the folders until Ctrl-C");
    options.value("--settle", s->settle, "SECONDS", "with --watch: a file is complete when it has not changed for so long")
        ->check(in_range(0.05, 3600));
    options.words("INPUT", s->inputs, "pictures, folders, or - for stdin")->required();
    return [s] { return run(*s); };
}

}  // namespace purnet::app
