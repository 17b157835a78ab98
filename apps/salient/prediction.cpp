#include "apps/salient/prediction.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <set>

#include "apps/run/console.h"
#include "apps/run/progress.h"
#include "apps/run/signals.h"
#include "apps/salient/pipeline.h"
#include "core/formats/atomic_file.h"
#include "data/image/decode.h"
#include "kernels/runtime/seconds.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

std::string reason(const std::string& name, const std::exception& error) {
    const std::string text = error.what();
    return text.find(name) == std::string::npos ? name + ": " + text : text;
}

bool place_of(const fs::path& file, std::pair<uint64_t, uint64_t>& place) {
    struct stat found {};
    if (::stat(file.c_str(), &found) != 0) return false;
    place = {found.st_dev, found.st_ino};
    return true;
}

fs::path with_suffix(const fs::path& stem, const std::string& suffix) { return stem.string() + suffix; }

bool is_there(const fs::path& file) {
    std::error_code ignored;
    return fs::exists(fs::symlink_status(file, ignored));
}

}  // namespace

const std::vector<std::string>& if_exists_names() {
    static const std::vector<std::string> names = {"overwrite", "skip", "rename", "fail"};
    return names;
}

IfExists if_exists_named(const std::string& name) {
    const auto found = std::find(if_exists_names().begin(), if_exists_names().end(), name);
    require(found != if_exists_names().end(), "'", name, "' is none of overwrite, skip, rename, fail");
    return static_cast<IfExists>(found - if_exists_names().begin());
}

std::string ResultNames::take(const std::string& base) {
    const auto is_free = [&](const std::string& name) {
        return std::none_of(suffixes_.begin(), suffixes_.end(), [&](const std::string& suffix) { return files_.count(name + suffix) > 0; });
    };
    std::string name = base;
    for (int number = 2; !is_free(name); ++number) name = base + "-" + std::to_string(number);
    for (const std::string& suffix : suffixes_) files_.insert(name + suffix);
    return name;
}

void ResultNames::release(const std::string& name) {
    for (const std::string& suffix : suffixes_) files_.erase(name + suffix);
}

std::vector<PredictionJob> prediction_jobs(const std::vector<std::string>& inputs, const fs::path& out,
                                           const std::vector<std::string>& suffixes) {
    std::error_code ignored;
    const fs::path results = fs::weakly_canonical(out, ignored);
    std::vector<PredictionJob> jobs;
    ResultNames names(suffixes);
    const auto add = [&](const fs::path& file, const fs::path& relative) {
        jobs.push_back({file, names.take(fs::path(relative).replace_extension().generic_string())});
    };
    for (const std::string& input : inputs) {
        const fs::path path(input);
        std::error_code error;
        if (!fs::is_directory(path, error)) {
            add(path, path.filename());  // a missing file fails as it is read, so that the others go on
            continue;
        }
        const bool holds_results = fs::weakly_canonical(path, ignored) != results;
        std::vector<fs::path> files;
        std::error_code broken;  // a folder below cannot be listed: the walk ends there
        for (fs::recursive_directory_iterator walk(path, broken), end; !broken && walk != end; walk.increment(broken)) {
            if (holds_results && walk->is_directory(error) && fs::weakly_canonical(walk->path(), ignored) == results)
                walk.disable_recursion_pending();
            else if (walk->is_regular_file(error) && has_picture_suffix(walk->path().string()))
                files.push_back(walk->path());
        }
        if (broken)
            jobs.push_back({path, {}, input + ": some of its pictures are missing, a folder cannot be listed: " + broken.message()});
        else if (files.empty())
            jobs.push_back({path, {}, input + ": no pictures in this folder"});
        std::sort(files.begin(), files.end());
        for (const fs::path& file : files) add(file, file.lexically_relative(path));
    }
    return jobs;
}

Inputs::Inputs(const std::vector<fs::path>& files) {
    std::pair<uint64_t, uint64_t> place;
    for (const fs::path& file : files)
        if (place_of(file, place)) places_.push_back(place);
    std::sort(places_.begin(), places_.end());
}

bool Inputs::contain(const fs::path& file) const {
    std::pair<uint64_t, uint64_t> place;
    return place_of(file, place) && std::binary_search(places_.begin(), places_.end(), place);
}

fs::path stem_for(const fs::path& stem, const std::vector<std::string>& suffixes, IfExists if_exists, const Inputs& inputs,
                  const std::set<fs::path>& reserved) {
    const auto taken = [&](const fs::path& s) {
        return std::count_if(suffixes.begin(), suffixes.end(), [&](const std::string& suffix) { return is_there(with_suffix(s, suffix)); });
    };
    const auto there = taken(stem);
    if (there == 0) return stem;
    if (if_exists == IfExists::skip && there == static_cast<std::ptrdiff_t>(suffixes.size())) return {};
    if (if_exists == IfExists::rename)
        for (int number = 2;; ++number)
            if (const fs::path other = with_suffix(stem, "-" + std::to_string(number)); !reserved.count(other) && taken(other) == 0)
                return other;
    for (const std::string& suffix : suffixes) {
        const fs::path target = with_suffix(stem, suffix);
        require(!inputs.contain(target), target.string(), ": is an input; choose another --out");
        require(if_exists != IfExists::fail || !is_there(target), target.string(), ": is there already (--if-exists fail)");
    }
    return stem;
}

void write_rendered(const std::vector<RenderedFile>& files, const fs::path& stem, IfExists if_exists) {
    std::error_code error;
    if (stem.has_parent_path()) fs::create_directories(stem.parent_path(), error);
    require(!error, stem.parent_path().string(), ": cannot be made: ", error.message());
    for (const RenderedFile& file : files) {
        const fs::path target = with_suffix(stem, file.suffix);
        if (if_exists != IfExists::skip || !is_there(target)) atomic_write(target, file.bytes);
    }
}

PredictionResult predict_files(Predictor& predictor, const std::vector<PredictionJob>& jobs, const PredictionOptions& options) {
    check(options.output);
    const double begin = seconds_now();
    PredictionResult result;
    std::vector<fs::path> files, stems(jobs.size());
    for (const PredictionJob& job : jobs) files.push_back(job.input);
    files.insert(files.end(), options.kept.begin(), options.kept.end());
    const Inputs inputs(files);
    const std::vector<std::string> suffixes = suffixes_of(options.output);

    std::optional<Progress> progress;
    if (!options.announce) progress.emplace("pictures", static_cast<int64_t>(jobs.size()));
    const auto advance = [&] {
        if (progress) progress->advance();
    };
    std::mutex report;
    std::atomic<bool> stopped{false};
    const auto failed = [&](const PredictionJob& job, const std::exception& error) {
        std::lock_guard lock(report);
        result.failures.push_back(reason(job.input.string(), error));
        warn(result.failures.back());
        stopped = stopped || options.strict;
        advance();
    };

    std::set<fs::path> reserved;
    if (options.if_exists == IfExists::rename)
        for (const PredictionJob& job : jobs) reserved.insert(options.out / job.output);
    size_t position = 0;
    const auto next = [&](StreamPicture& picture, const std::atomic<bool>&) {
        while (position < jobs.size() && !stopped && !stop_requested()) {
            picture.index = position++;
            const PredictionJob& job = jobs[picture.index];
            try {
                require(job.problem.empty(), job.problem);
                stems[picture.index] = stem_for(options.out / job.output, suffixes, options.if_exists, inputs, reserved);
                if (options.if_exists == IfExists::rename) reserved.insert(stems[picture.index]);
                if (!stems[picture.index].empty()) {
                    picture.decode = [&failed, &job, bytes = read_picture_bytes(job.input)]() -> Image {
                        try {
                            return decode_rgb(bytes, job.input.string());
                        } catch (const std::exception& error) {
                            failed(job, error);
                            return {};
                        }
                    };
                    return true;
                }
                std::lock_guard lock(report);
                ++result.skipped;
                advance();
            } catch (const std::exception& error) {
                failed(job, error);
            }
        }
        return false;
    };
    const auto finish = [&](const StreamPicture& picture, const std::vector<float>& map) -> WriteResult {
        if (stopped) return {};
        const PredictionJob& job = jobs[picture.index];
        const fs::path& stem = stems[picture.index];
        try {
            return [&, files = render_outputs(predictor, picture.rgb, map, options.output)] {
                try {
                    write_rendered(files, stem, options.if_exists);
                } catch (const std::exception& error) {
                    return failed(job, error);
                }
                std::lock_guard lock(report);
                ++result.done;
                advance();
                if (options.announce) say(job.input.string(), " -> ", with_suffix(stem, suffixes[0]).string());
            };
        } catch (const std::exception& error) {
            failed(job, error);
            return {};
        }
    };
    const PipelineResult pipeline = run_pipeline(predictor, options.batch, next, finish);
    if (progress) progress->finish();
    result.network_seconds = pipeline.network_seconds;
    result.batch = pipeline.batch;
    result.seconds = seconds_now() - begin;
    return result;
}

}  // namespace purnet
