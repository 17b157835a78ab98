// The pieces of a prediction: outputs, existing files, jobs, the pipeline and its batches, streams of frames, watched folders.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <fstream>

#include "apps/salient/output_files.h"
#include "apps/salient/pipeline.h"
#include "apps/salient/prediction.h"
#include "apps/salient/raw_frames.h"
#include "apps/salient/render.h"
#include "apps/salient/watch_folder.h"
#include "core/formats/atomic_file.h"
#include "core/formats/npy.h"
#include "data/image/decode.h"
#include "tests/support/picture_files.h"
#include "tests/support/pictures.h"
#include "tests/support/program.h"
#include "tests/support/refused.h"
#include "tests/support/small_network.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;
using test::put;
using test::TemporaryFolder;
using test::text_of_file;

std::vector<float> ramp(int side) {
    std::vector<float> map(static_cast<size_t>(side) * static_cast<size_t>(side));
    for (size_t i = 0; i < map.size(); ++i) map[i] = static_cast<float>(i % static_cast<size_t>(side)) / static_cast<float>(side - 1);
    return map;
}

}  // namespace

TEST_CASE("prediction outputs: names, formats and what they hold") {
    Predictor predictor(test::small_net());
    const Image rgb = test::pattern(50, 40, 3);
    const std::vector<float> map = ramp(64);
    OutputOptions options;
    options.kinds = {"mask", "cutout", "background", "overlay", "map", "sheet", "levels"};
    options.mask_formats = {"png", "pfm", "npy"};
    options.picture_format = "jpg";
    options.background = background_named("#0a141e");
    check(options);
    const std::vector<RenderedFile> files = render_outputs(predictor, rgb, map, options);
    std::vector<std::string> names;
    for (const RenderedFile& file : files) names.push_back(file.suffix);
    CHECK(names == std::vector<std::string>{".png", ".pfm", "_mask.npy", "_cutout.png", "_background.jpg", "_overlay.jpg", ".npy",
                                            "_sheet.png", "_levels.png"});
    CHECK(names == suffixes_of(options));

    const Image mask = decode_grey(files[0].bytes, "mask");
    CHECK(mask == render::mask(map, 64, 64, 50, 40));
    const std::vector<float> alpha = alpha_of(rgb, map, 64, options);
    // PFM: rows from the bottom.
    const std::string head = "Pf\n50 40\n-1.0\n";
    REQUIRE(files[1].bytes.size() == head.size() + 4 * alpha.size());
    CHECK(std::memcmp(files[1].bytes.data(), head.data(), head.size()) == 0);
    CHECK(std::memcmp(files[1].bytes.data() + head.size(), &alpha[39 * 50], 50 * sizeof(float)) == 0);
    CHECK(std::memcmp(files[1].bytes.data() + head.size() + 39 * 50 * sizeof(float), &alpha[0], 50 * sizeof(float)) == 0);
    const Image background = render::composite(rgb, mask, [] {
        Image flat(50, 40, 3);
        for (size_t i = 0; i < flat.pixels.size(); ++i) flat.pixels[i] = std::array<uint8_t, 3>{10, 20, 30}[i % 3];
        return flat;
    }());
    CHECK(background.at(0, 0)[1] == 20);
    CHECK(background.at(49, 0)[0] == rgb.at(49, 0)[0]);
    CHECK(rendered_picture("background", rgb, alpha, options) == background);

    options.kinds = {"mask"};
    options.mask_formats = {"png16"};
    const std::vector<RenderedFile> deep = render_outputs(predictor, rgb, map, options);
    CHECK(deep[0].suffix == ".png");
    const LabelMap words = decode_labels_png(deep[0].bytes, "mask");
    for (size_t i = 0; i < alpha.size(); ++i) REQUIRE(words.pixels[i] == std::lround(alpha[i] * 65535));

    options.mask_formats = {"png", "png16"};
    REFUSED(check(options), "two outputs would be written to NAME.png");
    options.kinds = {"cutout", "glitter"};
    REFUSED(check(options), "there is no output 'glitter'");

    options = {};
    options.threshold = matting::threshold_named("0.5");
    for (const float a : alpha_of(rgb, map, 64, options)) REQUIRE((a == 0 || a == 1));
    options = {};
    options.refine = true;
    options.decontaminate = true;
    options.background = background_named("blur");
    const std::vector<float> refined = alpha_of(rgb, map, 64, options);
    CHECK(refined != alpha);
    CHECK(rendered_picture("cutout", rgb, refined, options).channels == 4);
    CHECK(rendered_picture("background", rgb, refined, options).channels == 3);
}

TEST_CASE("prediction backgrounds: colours by name and number, pictures cover") {
    CHECK(background_named("green").colour == std::array<uint8_t, 3>{0, 255, 0});
    CHECK(background_named("#FF8001").colour == std::array<uint8_t, 3>{255, 128, 1});
    CHECK(background_named("1,20,255").colour == std::array<uint8_t, 3>{1, 20, 255});
    CHECK(background_named("blur").kind == Background::Kind::blur);
    for (const char* wrong : {"1,2", "1,2,3,4", "256,0,0", "#12345", "#12345g", "1,,2", ","})
        REFUSED(background_named(wrong), "is no colour");
    REFUSED(background_named("mauve"), "neither a colour");
    REFUSED(background_named(""), "neither a colour");
    const TemporaryFolder folder;
    const Background picture = background_named(put(folder / "back.png", 30, 10));
    CHECK(picture.kind == Background::Kind::picture);
    // The middle third, unscaled.
    const Image part = render::covering(*picture.picture, 10, 10);
    CHECK(std::equal(part.row(3), part.row(3) + 30, picture.picture->at(10, 3)));
    CHECK(render::covering(*picture.picture, 1, 200).height == 200);
}

TEST_CASE("prediction: files that are there are kept, numbered, written over or an error; inputs are never written over") {
    const TemporaryFolder folder;
    const fs::path stem = folder / "a";
    const std::vector<std::string> suffixes = {".png", "_cutout.png"};
    const Inputs none({});
    CHECK(stem_for(stem, suffixes, IfExists::fail, none) == stem);
    put(folder / "a.png", 4, 4);
    CHECK(stem_for(stem, suffixes, IfExists::overwrite, none) == stem);
    CHECK(stem_for(stem, suffixes, IfExists::skip, none) == stem);
    CHECK(stem_for(stem, suffixes, IfExists::rename, none) == folder / "a-2");
    CHECK(stem_for(stem, suffixes, IfExists::rename, none, {folder / "a-2"}) == folder / "a-3");
    REFUSED(stem_for(stem, suffixes, IfExists::fail, none), "a.png: is there already (--if-exists fail)");
    // Under another name: the file counts, not what it is called.
    fs::create_hard_link(folder / "a.png", folder / "other.png");
    const Inputs inputs({folder / "other.png"});
    REFUSED(stem_for(stem, suffixes, IfExists::overwrite, inputs), "is an input; choose another --out");
    REFUSED(stem_for(stem, suffixes, IfExists::skip, inputs), "is an input");
    const std::string before = text_of_file(folder / "a.png");
    write_rendered({{".png", {1, 2}}, {"_cutout.png", {3}}}, stem, IfExists::skip);
    CHECK(text_of_file(folder / "a.png") == before);
    CHECK(text_of_file(folder / "a_cutout.png") == "\x03");
    CHECK(stem_for(stem, suffixes, IfExists::skip, inputs).empty());
    REFUSED(if_exists_named("ask"), "none of overwrite, skip, rename, fail");
}

TEST_CASE("prediction jobs: results inside an input folder are no inputs") {
    const TemporaryFolder folder;
    put(folder / "in/a.png", 4, 4);
    put(folder / "in/b/a.png", 4, 4);
    put(folder / "in/masks/a.png", 4, 4);
    const std::vector<PredictionJob> jobs = prediction_jobs({(folder / "in").string(), (folder / "x/a.jpg").string()}, folder / "in/masks");
    REQUIRE(jobs.size() == 3);
    CHECK(jobs[0].output == "a");
    CHECK(jobs[1].output == "b/a");
    CHECK(jobs[2].output == "a-2");
}

TEST_CASE("prediction jobs: what a folder that cannot be listed holds is missed aloud") {
    const TemporaryFolder folder;
    put(folder / "in/x.png", 20, 20);
    put(folder / "in/locked/y.png", 20, 20);
    fs::permissions(folder / "in/locked", fs::perms::none);
    std::error_code denied;
    const bool listed = fs::directory_iterator(folder / "in/locked", denied) != fs::directory_iterator();
    const std::vector<PredictionJob> jobs = prediction_jobs({(folder / "in").string()}, folder / "out");
    fs::permissions(folder / "in/locked", fs::perms::owner_all);
    const auto troubled = std::count_if(jobs.begin(), jobs.end(), [](const PredictionJob& job) { return !job.problem.empty(); });
    if (listed) MESSAGE("this user may list everything");
    CHECK(troubled == (listed ? 0 : 1));
}

TEST_CASE("prediction pipeline: every batch size gives each picture its own map, in order; errors end it") {
    Predictor predictor(test::small_net());
    std::vector<Image> pictures;
    std::vector<std::vector<float>> wanted;
    for (int i = 0; i < 7; ++i) {
        pictures.push_back(test::pattern(20 + 9 * i, 30 + 5 * i, 3));
        wanted.push_back(predictor.map(pictures.back().pixels.data(), pictures.back().width, pictures.back().height));
    }
    for (const int batch : {1, 3, 0}) {
        size_t given = 0, taken = 0;
        run_pipeline(
            predictor, batch,
            [&](StreamPicture& picture, const std::atomic<bool>&) {
                if (given == pictures.size()) return false;
                picture.index = given;
                picture.rgb = pictures[given++];
                return true;
            },
            [&](const StreamPicture& picture, const std::vector<float>& map) -> WriteResult {
                const size_t at = picture.index;
                double most = picture.rgb == pictures[at] ? 0 : 1;
                for (size_t i = 0; i < map.size(); ++i) most = std::max(most, std::fabs(double{map[i]} - wanted[at][i]));
                return [&taken, at, most] {
                    CHECK(at == taken++);
                    CHECK(most < 1e-4);
                };
            });
        CHECK(taken == pictures.size());
    }
    const auto forever = [&](StreamPicture& picture, const std::atomic<bool>&) {
        picture.rgb = pictures[0];
        return true;
    };
    // Pictures of 108 MB: two of them are all that may be on the way, a batch of four never comes together.
    size_t large = 0, seen = 0;
    std::atomic<int> most{0}, now{0};
    run_pipeline(
        predictor, 4,
        [&](StreamPicture& picture, const std::atomic<bool>&) {
            if (large == 5) return false;
            picture.index = large++;
            picture.decode = [&, at = picture.index] {
                if (at == 3) return Image();  // cannot be decoded, and is left out
                most = std::max<int>(most, ++now);
                return Image(6000, 6000, 3);
            };
            return true;
        },
        [&](const StreamPicture& picture, const std::vector<float>&) -> WriteResult {
            return [&, at = picture.index] {
                CHECK(at == (seen == 3 ? 4 : seen));
                ++seen;
                --now;
            };
        });
    CHECK(seen == 4);
    CHECK(most <= 3);
    const auto full = [] { fail("full"); };
    REFUSED(run_pipeline(predictor, 2, forever, [&](const StreamPicture&, const std::vector<float>&) { return full; }), "full");
    REFUSED(run_pipeline(predictor, 2, forever,
                         [&](const StreamPicture&, const std::vector<float>&) -> WriteResult {
                             full();
                             return {};
                         }),
            "full");
    REFUSED(run_pipeline(
                predictor, 2, [](StreamPicture&, const std::atomic<bool>&) -> bool { fail("no more"); },
                [](const StreamPicture&, const std::vector<float>&) -> WriteResult { return {}; }),
            "no more");
}

TEST_CASE("batch choice: doubles while that pays, and falls back to the best") {
    BatchChoice fixed(5, 5);
    fixed.measured(5, 1);
    CHECK(fixed.batch() == 5);
    CHECK(fixed.last_batch(3) == 3);
    BatchChoice choice(0, 8);
    const auto both = [&](int n, double seconds) {
        choice.measured(n, 100);  // the first run plans
        choice.measured(n, seconds);
    };
    CHECK(choice.batch() == 1);
    both(1, 1.0);
    CHECK(choice.batch() == 2);
    both(2, 1.6);
    CHECK(choice.batch() == 4);
    CHECK(choice.last_batch(3) == 2);
    both(4, 3.15);  // less than a twentieth gained
    CHECK(choice.batch() == 2);
    both(2, 100);
    CHECK(choice.batch() == 2);
    CHECK(choice.last_batch(1) == 1);
    BatchChoice tight(0, 1);
    tight.measured(1, 1), tight.measured(1, 1);
    CHECK(tight.batch() == 1);
}

TEST_CASE("raw frames: sizes and forms in words") {
    CHECK(frame_size_named("640x360") == std::pair(640, 360));
    for (const char* wrong : {"", "640", "640x", "x3", "0x4", "640x360x2", "4X4", "-1x2", "99999x1"})
        REFUSED(frame_size_named(wrong), "is no size of frames");
    OutputOptions output;
    CHECK(raw_output_for(output, "") == "gray");
    CHECK(raw_output_for(output, "gray16le") == "gray16le");
    REFUSED(raw_output_for(output, "rgba"), "frames of mask go out as gray or gray16le, not as rgba");
    output.kinds = {"sheet"};
    REFUSED(raw_output_for(output, ""), "not sheet");
    output.kinds = {"mask", "cutout"};
    REFUSED(raw_output_for(output, ""), "name one output");
}

TEST_CASE("watched folder: a file is taken when it rests, once, and again when it changes") {
    const TemporaryFolder folder;
    const std::string in = folder / "in";
    put(folder / "in/a.png", 4, 4);
    FolderWatch watch({in}, folder / "in/out", 1);
    CHECK(watch.ready(0).empty());
    CHECK(watch.ready(0.9).empty());
    const auto first = watch.ready(1);
    REQUIRE(first.size() == 1);
    CHECK(first[0].output == "a");
    CHECK(watch.ready(5).empty());

    std::ofstream growing(in + "/b.jpg");
    CHECK(watch.ready(6).empty());
    growing << "x" << std::flush;
    CHECK(watch.ready(7).empty());
    growing << "y" << std::flush;
    CHECK(watch.ready(8).empty());
    put(folder / "in/out/a.png", 4, 4);
    std::ofstream(in + "/note.txt") << "no picture";
    std::ofstream(in + "/empty.png");
    CHECK(watch.ready(8.5).empty());
    REQUIRE(watch.ready(9).size() == 1);
    CHECK(watch.ready(20).empty());

    put(folder / "in/a.png", 9, 9);
    put(folder / "in/a.jpg", 9, 9);
    CHECK(watch.ready(21).empty());
    const auto again = watch.ready(22);
    REQUIRE(again.size() == 2);
    CHECK(again[0].output == "a-2");  // a.jpg came after a.png
    CHECK(again[1].output == "a");
    REFUSED(FolderWatch({in}, in, 1), "would be taken for inputs");
    REFUSED(FolderWatch({in}, folder.path(), 1), "would be taken for inputs");
    REFUSED(FolderWatch({in + "/a.png"}, folder / "out", 1), "is no folder");
}

}  // namespace purnet
