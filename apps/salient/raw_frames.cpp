#include "apps/salient/raw_frames.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "apps/run/patient_read.h"
#include "apps/run/signals.h"
#include "apps/salient/pipeline.h"
#include "apps/salient/render.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

struct PixelForm {
    const char* name;
    size_t bytes;
    int red, green, blue;  // place in the pixel
};
constexpr PixelForm forms[] = {
    {"rgb24", 3, 0, 1, 2}, {"bgr24", 3, 2, 1, 0}, {"rgba", 4, 0, 1, 2}, {"bgra", 4, 2, 1, 0}, {"gray", 1, 0, 0, 0}};

const PixelForm& form_named(const std::string& name) {
    for (const PixelForm& form : forms)
        if (name == form.name) return form;
    fail("'", name, "' is none of rgb24, bgr24, rgba, bgra, gray");
}

void write_fully(int file, const uint8_t* from, size_t count) {
    while (count > 0) {
        const ssize_t done = ::write(file, from, count);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EAGAIN) {
            pollfd poll{file, POLLOUT, 0};
            ::poll(&poll, 1, 200);
            continue;
        }
        require(done >= 0, "the frames cannot be written: ", std::strerror(errno));
        from += done;
        count -= static_cast<size_t>(done);
    }
}

void to_rgb(const std::vector<uint8_t>& bytes, const PixelForm& form, Image& rgb) {
    const size_t red = static_cast<size_t>(form.red), green = static_cast<size_t>(form.green), blue = static_cast<size_t>(form.blue);
    for (size_t i = 0; i < bytes.size() / form.bytes; ++i) {
        const uint8_t* pixel = &bytes[i * form.bytes];
        rgb.pixels[3 * i] = pixel[red];
        rgb.pixels[3 * i + 1] = pixel[green];
        rgb.pixels[3 * i + 2] = pixel[blue];
    }
}

std::vector<uint8_t> frame_of(const Image& rgb, const std::vector<float>& map, int side, const RawFrames& frames) {
    const std::vector<float> alpha = alpha_of(rgb, map, side, frames.output);
    if (frames.out == "gray") return render::bytes_of(alpha, rgb.width, rgb.height).pixels;
    if (frames.out == "gray16le") {
        const Image16 words = render::words_of(alpha, rgb.width, rgb.height);
        std::vector<uint8_t> bytes(2 * words.pixels.size());
        for (size_t i = 0; i < words.pixels.size(); ++i) {
            bytes[2 * i] = static_cast<uint8_t>(words.pixels[i] & 255);
            bytes[2 * i + 1] = static_cast<uint8_t>(words.pixels[i] >> 8);
        }
        return bytes;
    }
    Image picture = rendered_picture(frames.output.kinds[0], rgb, alpha, frames.output);
    if (frames.out.starts_with("bgr")) {
        const size_t step = static_cast<size_t>(picture.channels);
        for (size_t i = 0; i < picture.pixels.size(); i += step) std::swap(picture.pixels[i], picture.pixels[i + 2]);
    }
    return std::move(picture.pixels);
}

}  // namespace

const std::vector<std::string>& raw_inputs() {
    static const std::vector<std::string> names = {"rgb24", "bgr24", "rgba", "bgra", "gray"};
    return names;
}

const std::vector<std::string>& raw_outputs() {
    static const std::vector<std::string> names = {"gray", "gray16le", "rgba", "bgra", "rgb24", "bgr24"};
    return names;
}

std::pair<int, int> frame_size_named(const std::string& text) {
    int sides[2] = {};
    const char *at = text.data(), *end = at + text.size();
    bool good = true;
    for (int i = 0; i < 2 && good; ++i) {
        const auto [next, error] = std::from_chars(at, end, sides[i]);
        good = error == std::errc() && sides[i] >= 1 && sides[i] <= 32768 && (i == 1 ? next == end : next != end && *next == 'x');
        at = next + 1;
    }
    require(good, "'", text, "' is no size of frames: use WIDTHxHEIGHT, as 1280x720, each 1 to 32768");
    return {sides[0], sides[1]};
}

std::string raw_output_for(const OutputOptions& output, const std::string& wanted) {
    require(output.kinds.size() == 1, "frames go out in one form: name one output");
    const std::string& kind = output.kinds[0];
    std::vector<std::string> suiting;
    if (kind == "mask") suiting = {"gray", "gray16le"};
    if (kind == "cutout") suiting = {"rgba", "bgra"};
    if (kind == "background" || kind == "overlay") suiting = {"rgb24", "bgr24"};
    require(!suiting.empty(), "frames can be mask, cutout, background or overlay, not ", kind);
    if (wanted.empty()) return suiting[0];
    require(wanted == suiting[0] || wanted == suiting[1], "frames of ", kind, " go out as ", suiting[0], " or ", suiting[1], ", not as ",
            wanted);
    return wanted;
}

RawResult predict_raw(Predictor& predictor, int in, int out, const RawFrames& frames) {
    const PixelForm& form = form_named(frames.in);
    RawFrames settled = frames;
    settled.out = raw_output_for(frames.output, frames.out);
    RawResult result;
    result.frame_bytes = static_cast<uint64_t>(frames.width) * static_cast<uint64_t>(frames.height) * form.bytes;
    std::vector<uint8_t> bytes(result.frame_bytes);
    const int side = predictor.size();
    const auto next = [&](StreamPicture& picture, const std::atomic<bool>& given_up) {
        const size_t got = patient_read(in, bytes.data(), bytes.size(), "the frames", [&] { return stop_requested() || given_up.load(); });
        if (stop_requested() || given_up) return false;
        if (got < bytes.size()) {
            result.rest = got;
            return false;
        }
        picture.rgb = Image(frames.width, frames.height, 3);
        to_rgb(bytes, form, picture.rgb);
        return true;
    };
    const auto finish = [&](const StreamPicture& picture, const std::vector<float>& map) -> WriteResult {
        return [&, frame = frame_of(picture.rgb, map, side, settled)] {
            write_fully(out, frame.data(), frame.size());
            ++result.frames;
        };
    };
    run_pipeline(predictor, frames.batch, next, finish);
    return result;
}

}  // namespace purnet
