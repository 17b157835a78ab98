// Frames without any container, from one pipe into another:
//     ffmpeg -i film.mp4 -f rawvideo -pix_fmt rgb24 - | purnet predict --raw 1280x720 - | ffmpeg -f rawvideo -pix_fmt gray -s 1280x720 -i -
//     ...
//
// A frame is width x height pixels, rows from the top without gaps, one frame behind the other:
//     in    rgb24, bgr24, rgba, bgra (alpha is not looked at), gray
//     out   the mask as gray (bytes) or gray16le; the cut-out as rgba or bgra; background or overlay as rgb24 or bgr24
// Names as ffmpeg's. A few frames are in memory at a time, however many come.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "apps/salient/output_files.h"

namespace purnet {

struct RawFrames {
    int width = 0, height = 0;
    std::string in = "rgb24", out;
    OutputOptions output;  // one kind
    int batch = 1;
};

const std::vector<std::string>& raw_inputs();
const std::vector<std::string>& raw_outputs();

// "1280x720". Error: anything else, a side outside 1..32768.
std::pair<int, int> frame_size_named(const std::string& text);

// The form of the frames that go out: `wanted`, or where that is empty the first that suits the kind of output. Error: it does not suit.
std::string raw_output_for(const OutputOptions& output, const std::string& wanted);

struct RawResult {
    int64_t frames = 0;
    uint64_t rest = 0;  // bytes behind the last whole frame
    uint64_t frame_bytes = 0;
};

// Until `in` ends or a signal comes. Error: `out` cannot be written.
RawResult predict_raw(Predictor& predictor, int in, int out, const RawFrames& frames);

}  // namespace purnet
