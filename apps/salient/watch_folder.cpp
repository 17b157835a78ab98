#include "apps/salient/watch_folder.h"

#include <poll.h>

#include <algorithm>

#include "apps/run/console.h"
#include "apps/run/signals.h"
#include "data/image/decode.h"
#include "kernels/runtime/seconds.h"

namespace purnet {

namespace fs = std::filesystem;

namespace {

bool lies_in(const fs::path& inner, const fs::path& outer) {
    return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

fs::path place_on_disk(const fs::path& path) {
    std::error_code error;
    const fs::path found = fs::weakly_canonical(fs::absolute(path), error);
    require(!error, path.string(), ": cannot be found: ", error.message());
    return found.has_filename() ? found : found.parent_path();
}

}  // namespace

FolderWatch::FolderWatch(const std::vector<std::string>& folders, const fs::path& out, double settle,
                         const std::vector<std::string>& suffixes)
    : out_(place_on_disk(out)), settle_(settle), names_(suffixes) {
    for (const std::string& folder : folders) {
        std::error_code error;
        require(fs::is_directory(folder, error), folder, ": is no folder; --watch watches folders");
        require(!lies_in(place_on_disk(folder), out_), folder, ": the results in ", out.string(),
                " would be taken for inputs; choose another --out");
        folders_.emplace_back(folder);
    }
}

void FolderWatch::look(const fs::path& folder, double now) {
    std::error_code error;
    for (fs::recursive_directory_iterator walk(folder, fs::directory_options::skip_permission_denied, error), end; !error && walk != end;
         walk.increment(error)) {
        std::error_code gone;  // a file may vanish between any two looks
        if (walk->is_directory(gone) && place_on_disk(walk->path()) == out_) {
            walk.disable_recursion_pending();
            continue;
        }
        if (!walk->is_regular_file(gone) || !has_picture_suffix(walk->path().string())) continue;
        const uintmax_t size = walk->file_size(gone);
        if (gone) continue;
        const fs::file_time_type changed = walk->last_write_time(gone);
        if (gone) continue;
        const auto [place, is_new] = seen_.try_emplace(walk->path());
        Seen& seen = place->second;
        seen.present = true;
        if (is_new) {
            const std::string base = walk->path().lexically_relative(folder).replace_extension().generic_string();
            seen.output = names_.take(base);
        }
        if (is_new || seen.size != size || seen.changed != changed) {
            seen.size = size;
            seen.changed = changed;
            seen.since = now;
            seen.taken = false;
        }
    }
}

std::vector<PredictionJob> FolderWatch::ready(double now) {
    for (auto& [path, seen] : seen_) seen.present = false;
    for (const fs::path& folder : folders_) look(folder, now);
    std::vector<PredictionJob> jobs;
    for (auto it = seen_.begin(); it != seen_.end();) {
        Seen& seen = it->second;
        if (!seen.present) {
            names_.release(seen.output);
            it = seen_.erase(it);
            continue;
        }
        if (!seen.taken && seen.size > 0 && now - seen.since >= settle_) {
            seen.taken = true;
            jobs.push_back({it->first, seen.output});
        }
        ++it;
    }
    return jobs;
}

PredictionResult predict_watched(Predictor& predictor, FolderWatch& watch, const PredictionOptions& options, double settle) {
    PredictionResult all;
    const int pause = std::clamp(static_cast<int>(settle * 500), 20, 1000);
    while (!stop_requested()) {
        const double now = seconds_now();
        if (const std::vector<PredictionJob> jobs = watch.ready(now); !jobs.empty()) {
            const PredictionResult some = predict_files(predictor, jobs, options);
            all.done += some.done;
            all.skipped += some.skipped;
            all.network_seconds += some.network_seconds;
            all.seconds += some.seconds;
            all.failures.insert(all.failures.end(), some.failures.begin(), some.failures.end());
            if (options.strict && !all.failures.empty()) break;
        }
        if (!stop_requested()) ::poll(nullptr, 0, pause);  // a signal wakes it
    }
    return all;
}

}  // namespace purnet
