#include "apps/run/tuned_choices.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>

#include "apps/run/computing_device.h"
#include "apps/run/console.h"
#include "apps/run/user_cache.h"
#include "apps/run/version.h"
#include "core/formats/atomic_file.h"
#include "core/formats/byte_source.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/choices_used.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_bytes = 1 << 20;

std::atomic<TunedChoices*> living = nullptr;

// What a file says, on one line of a terminal.
std::string one_line(std::string text) {
    text.resize(std::min<size_t>(text.size(), 200));
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return text;
}

std::string of_this_machine() {
    const std::string device = chosen_accelerator_text();
    return concat(program_version(), "; ", device.empty() ? processor_description() : device);
}

fs::path usual_file() { return user_cache(computing_device().on_host() ? "choices.json" : "choices-cuda.json"); }

choices::Known read_choices(const fs::path& file) {
    std::error_code error;
    if (!fs::exists(file, error)) return {};
    const ByteSource source(file);
    require(source.size() <= most_bytes, file.string(), ": is too large to be a list of choices");
    const std::vector<uint8_t> bytes = source.read(0, source.size());
    const nlohmann::json json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    require(json.is_object() && json.contains("machine") && json["machine"].is_string() && json.contains("choices") &&
                json["choices"].is_object(),
            file.string(), ": is not a list of choices");
    require(json["machine"] == of_this_machine(), file.string(), ": was measured by \"", one_line(json["machine"]), "\", this is \"",
            of_this_machine(), "\"");
    choices::Known choices;
    for (const auto& [problem, method] : json["choices"].items()) {
        require(method.is_string(), file.string(), ": is not a list of choices");
        choices[problem] = method;
    }
    return choices;
}

}  // namespace

TunedChoices::TunedChoices() : TunedChoices(usual_file()) {}

TunedChoices::TunedChoices(fs::path file) : file_(std::move(file)), outer_(living.exchange(this)) {
    choices::Known choices;
    try {
        choices = read_choices(file_);
    } catch (const Error& error) {
        warn(error.what(), "; measuring anew");
    }
    if (choices.empty()) say("measuring which way of computing each convolution is fastest here, once; kept in ", file_.string());
    saved_ = choices.size();
    choices::know(choices);
    choices::measure(true);
}

TunedChoices::~TunedChoices() {
    living = outer_;
    try {
        save();
    } catch (const std::exception& error) {
        warn(error.what(), "; what was measured serves this run alone");
    }
    choices::measure(false);
    choices::know({});
}

void TunedChoices::save() {
    std::lock_guard lock(mutex_);
    const choices::Known choices = choices::known();
    if (choices.size() <= saved_) return;
    try {
        std::error_code error;
        fs::create_directories(file_.parent_path(), error);
        atomic_write(file_, nlohmann::json{{"machine", of_this_machine()}, {"choices", choices}}.dump(1) + "\n");
        saved_ = choices.size();
    } catch (const Error& error) {
        warn(error.what(), "; what was measured serves this run alone");
    }
}

std::string choices_record() { return nlohmann::json{{"machine", of_this_machine()}, {"choices", choices::used()}}.dump(); }

std::string other_choices(const std::string& record) {
    const nlohmann::json json = nlohmann::json::parse(record, nullptr, false);
    if (!json.is_object() || !json.contains("machine") || !json["machine"].is_string() || !json.contains("choices") ||
        !json["choices"].is_object())
        return "what it was computed with cannot be read";
    if (json["machine"] != of_this_machine())
        return concat("it was computed by \"", one_line(json["machine"]), "\", this is \"", of_this_machine(), "\"");
    const choices::Known known = choices::known();
    const size_t began_with = json["choices"].size();
    size_t others = 0;
    for (const auto& [problem, method] : json["choices"].items()) {
        const auto now = known.find(problem);
        others += now == known.end() || !method.is_string() || method != now->second;
    }
    if (others > 0)
        return concat("of the ", began_with, " ways of computing that --tune had chosen, ", others,
                      choices::any() ? " are others now or measured anew" : " are those of the fixed table now");
    return began_with == 0 && choices::any() ? "it was computed by the fixed table, and --tune takes what was measured" : "";
}

void keep_tuned_choices() {
    if (TunedChoices* const tuned = living) tuned->save();
}

}  // namespace purnet
