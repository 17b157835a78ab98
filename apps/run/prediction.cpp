#include "apps/run/prediction.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "apps/run/console.h"
#include "apps/run/progress.h"
#include "apps/run/render.h"
#include "apps/run/signals.h"
#include "core/formats/atomic_file.h"
#include "core/formats/npy.h"
#include "data/image/decode.h"
#include "data/image/encode.h"
#include "kernels/resize/resize_bytes.h"
#include "kernels/runtime/parallel.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A queue with room for a few elements between two threads; closed by the writer, or by the reader that gives up.
template <class T>
class Channel {
public:
    explicit Channel(size_t room) : room_(room) {}
    bool put(T value) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || queue_.size() < room_; });
        if (closed_) return false;
        queue_.push_back(std::move(value));
        changed_.notify_all();
        return true;
    }
    std::optional<T> take() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || !queue_.empty(); });
        if (queue_.empty()) return std::nullopt;
        T value = std::move(queue_.front());
        queue_.pop_front();
        changed_.notify_all();
        return value;
    }
    void close() {
        std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<T> queue_;
    size_t room_;
    bool closed_ = false;
};

struct Loaded {
    const PredictionJob* job = nullptr;
    Image rgb;
    std::vector<uint8_t> resized;
    std::string failure;
};

struct Finished {
    Loaded picture;
    std::vector<float> map;
};

bool needs_all_outputs(const PredictionOptions& options) {
    return std::any_of(options.outputs.begin(), options.outputs.end(),
                       [](const std::string& o) { return o == "sheet" || o == "attentions" || o == "levels"; });
}

std::string reason(const std::string& name, const std::exception& error) {
    const std::string text = error.what();
    return text.find(name) == std::string::npos ? name + ": " + text : text;
}

}  // namespace

std::vector<PredictionJob> prediction_jobs(const std::vector<std::string>& inputs) {
    std::vector<PredictionJob> jobs;
    std::set<std::string> taken;
    const auto add = [&](const fs::path& file, const fs::path& relative) {
        const fs::path base = fs::path(relative).replace_extension();
        std::string output = base.generic_string();
        for (int number = 2; !taken.insert(output).second; ++number) output = base.generic_string() + "-" + std::to_string(number);
        jobs.push_back({file, output});
    };
    for (const std::string& input : inputs) {
        const fs::path path(input);
        std::error_code error;
        if (!fs::is_directory(path, error)) {
            add(path, path.filename());  // a missing file fails as it is read, so that the others go on
            continue;
        }
        std::vector<fs::path> files;
        for (fs::recursive_directory_iterator walk(path, fs::directory_options::skip_permission_denied, error), end; walk != end;
             walk.increment(error)) {
            require(!error, input, ": cannot be read: ", error.message());
            if (walk->is_regular_file(error) && has_picture_suffix(walk->path().string())) files.push_back(walk->path());
        }
        require(!files.empty(), input, ": no pictures in this folder");
        std::sort(files.begin(), files.end());
        for (const fs::path& file : files) add(file, file.lexically_relative(path));
    }
    return jobs;
}

std::vector<RenderedFile> render_outputs(Predictor& predictor, const Image& rgb, const std::vector<float>& map,
                                         const PredictionOptions& options) {
    const int side = predictor.size();
    std::vector<RenderedFile> files;
    Image mask;
    if (options.as_published) {
        // The published code quantises first; its resize then works on bytes.
        Image bytes(side, side, 1);
        for (size_t i = 0; i < map.size(); ++i) bytes.pixels[i] = static_cast<uint8_t>(map[i] * 255.0f);
        mask = Image(rgb.width, rgb.height, 1);
        resize_bilinear(bytes.pixels.data(), side, side, 1, mask.pixels.data(), rgb.height, rgb.width);
    } else {
        mask = render::mask(map, side, side, rgb.width, rgb.height);
    }
    std::optional<Maps> maps;
    if (needs_all_outputs(options)) maps = predictor.inspect(rgb.pixels.data(), rgb.width, rgb.height);
    for (const std::string& output : options.outputs) {
        if (output == "mask")
            files.push_back({".png", options.sixteen_bit && !options.as_published
                                         ? encode_png(render::mask16(map, side, side, rgb.width, rgb.height))
                                         : encode_png(mask)});
        else if (output == "cutout")
            files.push_back({"_cutout.png", encode_png(render::cutout(rgb, mask))});
        else if (output == "overlay")
            files.push_back({"_overlay.png", encode_png(render::overlay(rgb, mask))});
        else if (output == "sheet")
            files.push_back({"_sheet.png", encode_png(render::sheet(rgb, *maps))});
        else if (output == "attentions")
            files.push_back({"_attentions.png", encode_png(render::attentions(rgb, *maps))});
        else if (output == "levels")
            files.push_back({"_levels.png", encode_png(render::levels(rgb, *maps))});
        else
            fail("--output ", output, ": use mask, cutout, overlay, sheet, attentions or levels");
    }
    if (options.npy) files.push_back({".npy", encode_npy(make_array({side, side}, map.data()))});
    return files;
}

void write_rendered(const std::vector<RenderedFile>& files, const fs::path& stem) {
    std::error_code error;
    if (stem.has_parent_path()) fs::create_directories(stem.parent_path(), error);
    require(!error, stem.parent_path().string(), ": cannot be made: ", error.message());
    for (const RenderedFile& file : files) atomic_write(stem.string() + file.suffix, file.bytes);
}

PredictionResult predict_files(Predictor& predictor, const std::vector<PredictionJob>& jobs, const PredictionOptions& options) {
    const double begin = now();
    PredictionResult result;
    std::set<fs::path> inputs;
    for (const PredictionJob& job : jobs) {
        std::error_code ignored;
        inputs.insert(fs::weakly_canonical(job.input, ignored));
    }
    Progress progress("pictures", static_cast<int64_t>(jobs.size()));
    std::mutex report;
    const auto failed = [&](const std::string& sentence) {
        std::lock_guard lock(report);
        result.failures.push_back(sentence);
        warn(sentence);
    };

    const size_t ahead = static_cast<size_t>(options.batch) + 2;
    Channel<Loaded> loaded(ahead);
    Channel<Finished> finished(ahead);
    const int side = predictor.size();
    std::thread reader([&] {
        const SerialScope serial;
        for (const PredictionJob& job : jobs) {
            Loaded picture;
            picture.job = &job;
            try {
                picture.rgb = read_rgb(job.input);
                picture.resized.resize(static_cast<size_t>(side) * static_cast<size_t>(side) * 3);
                resize_bilinear(picture.rgb.pixels.data(), picture.rgb.height, picture.rgb.width, 3, picture.resized.data(), side, side);
            } catch (const std::exception& error) {
                picture.failure = reason(job.input.string(), error);
            }
            if (stop_requested() || !loaded.put(std::move(picture))) break;
        }
        loaded.close();
    });
    std::thread writer([&] {
        const SerialScope serial;
        while (std::optional<Finished> done = finished.take()) {
            const PredictionJob& job = *done->picture.job;
            try {
                const fs::path stem = options.out / job.output;
                const std::vector<RenderedFile> files = render_outputs(predictor, done->picture.rgb, done->map, options);
                for (const RenderedFile& file : files) {
                    const fs::path target = stem.string() + file.suffix;
                    std::error_code ignored;
                    require(!inputs.count(fs::weakly_canonical(target, ignored)), target.string(), ": is an input; choose another --out");
                }
                write_rendered(files, stem);
                std::lock_guard lock(report);
                ++result.done;
            } catch (const std::exception& error) {
                failed(reason(job.input.string(), error));
            }
            progress.advance();
        }
    });

    std::vector<Loaded> batch;
    std::vector<uint8_t> bytes;
    const auto run_batch = [&] {
        if (batch.empty()) return;
        const size_t picture_bytes = static_cast<size_t>(side) * static_cast<size_t>(side) * 3, area = picture_bytes / 3;
        bytes.clear();
        for (const Loaded& picture : batch) bytes.insert(bytes.end(), picture.resized.begin(), picture.resized.end());
        std::vector<float> maps(area * batch.size());
        const double start = now();
        predictor.maps_of_resized(bytes.data(), static_cast<int>(batch.size()), maps.data());
        result.network_seconds += now() - start;
        for (size_t i = 0; i < batch.size(); ++i)
            finished.put({std::move(batch[i]), std::vector<float>(maps.begin() + static_cast<std::ptrdiff_t>(i * area),
                                                                  maps.begin() + static_cast<std::ptrdiff_t>((i + 1) * area))});
        batch.clear();
    };
    std::exception_ptr error;
    try {
        while (std::optional<Loaded> picture = loaded.take()) {
            if (!picture->failure.empty()) {
                failed(picture->failure);
                progress.advance();
                continue;
            }
            batch.push_back(std::move(*picture));
            if (batch.size() == static_cast<size_t>(options.batch)) run_batch();
        }
        run_batch();
    } catch (...) {
        error = std::current_exception();
        loaded.close();
    }
    finished.close();
    reader.join();
    writer.join();
    progress.finish();
    if (error) std::rethrow_exception(error);
    result.seconds = now() - begin;
    return result;
}

}  // namespace purnet
