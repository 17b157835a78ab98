#include "apps/run/tuned_choices.h"

#include <nlohmann/json.hpp>

#include "apps/run/console.h"
#include "apps/run/user_cache.h"
#include "apps/run/version.h"
#include "core/formats/atomic_file.h"
#include "core/formats/byte_source.h"
#include "kernels/conv2d/conv2d_choice.h"

namespace purnet {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_bytes = 1 << 20;

std::string of_this_machine() { return concat(program_version(), "; ", processor_description()); }

// None where the file is of another machine or program.
conv2d::Choices read_choices(const fs::path& file) {
    std::error_code error;
    if (!fs::exists(file, error)) return {};
    const ByteSource source(file);
    require(source.size() <= most_bytes, file.string(), ": is too large to be a list of choices");
    const std::vector<uint8_t> bytes = source.read(0, source.size());
    const nlohmann::json json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    require(json.is_object() && json.contains("machine") && json["machine"].is_string() && json.contains("choices") &&
                json["choices"].is_object(),
            file.string(), ": is not a list of choices");
    if (json["machine"] != of_this_machine()) return {};
    conv2d::Choices choices;
    for (const auto& [problem, method] : json["choices"].items()) {
        require(method.is_string(), file.string(), ": is not a list of choices");
        choices[problem] = method;
    }
    return choices;
}

}  // namespace

TunedChoices::TunedChoices() : TunedChoices(user_cache("choices.json")) {}

TunedChoices::TunedChoices(fs::path file) : file_(std::move(file)) {
    conv2d::Choices choices;
    try {
        choices = read_choices(file_);
    } catch (const Error& error) {
        warn(error.what(), "; measuring anew");
    }
    if (choices.empty()) say("measuring which way of computing each convolution is fastest here, once; kept in ", file_.string());
    saved_ = choices.size();
    conv2d::know_choices(choices);
    conv2d::measure_choices(true);
}

TunedChoices::~TunedChoices() {
    conv2d::measure_choices(false);
    conv2d::know_choices({});
}

void TunedChoices::save() {
    const conv2d::Choices choices = conv2d::choices();
    if (choices.size() == saved_) return;
    try {
        std::error_code error;
        fs::create_directories(file_.parent_path(), error);
        atomic_write(file_, nlohmann::json{{"machine", of_this_machine()}, {"choices", choices}}.dump(1) + "\n");
        saved_ = choices.size();
    } catch (const Error& error) {
        warn(error.what(), "; what was measured serves this run alone");
    }
}

}  // namespace purnet
