#include "apps/run/json_log.h"

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/run/version.h"
#include "core/formats/atomic_file.h"
#include "kernels/runtime/error.h"

namespace purnet {
namespace {

double now() {
    const std::chrono::duration<double> time = std::chrono::system_clock::now().time_since_epoch();
    return std::round(time.count() * 1000) / 1000;
}

std::string line_of(const Json& record) { return record.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json stamped(const std::string& type, const Json& fields) {
    Json record;
    record["type"] = type;
    record["time"] = now();
    if (!fields.is_null()) record.update(fields);
    return record;
}

std::string first_line(const Json& run) {
    Json record;
    record["type"] = "run";
    record["schema"] = "purnet-log";
    record["version"] = JsonLog::schema_version;
    record["time"] = now();
    record["program"] = program_version();
    record["build"] = build_description();
    record["processor"] = processor_description();
    record["libraries"] = library_versions();
    if (!run.is_null()) record.update(run);
    return line_of(record);
}

bool is_record(const Json& json) { return json.is_object() && json.contains("type") && json["type"].is_string(); }

bool is_first(const Json& record) {
    return record.contains("schema") && record["schema"] == Json("purnet-log") && record.contains("version") &&
           record["version"] == Json(JsonLog::schema_version);
}

const std::filesystem::path& begun(const std::filesystem::path& path, const Json& run) {
    atomic_write(path, first_line(run));
    return path;
}

const std::filesystem::path& continued(const std::filesystem::path& path, const Json& run, int64_t resumed_after) {
    if (!std::filesystem::exists(path)) return begun(path, run);
    std::ifstream file(path, std::ios::binary);
    require(file.good(), path.string(), ": the log cannot be read");
    std::string text;
    for (std::string line; std::getline(file, line);) {
        if (file.eof()) break;  // no line end: the writer was killed within it
        const Json record = Json::parse(line, nullptr, false);
        // What a power cut left of a line must not stand between a run and its checkpoint.
        if (!is_record(record) || (text.empty() && !is_first(record))) continue;
        const auto step = record.find("step");
        if (step != record.end() && step->is_number_integer() && step->get<int64_t>() > resumed_after) continue;
        text += line_of(record);
    }
    if (text.empty()) text = first_line(run);
    Json resume = stamped("resume", run);
    resume["step"] = resumed_after;
    atomic_write(path, text + line_of(resume));
    return path;
}

}  // namespace

JsonLog::JsonLog(const std::filesystem::path& path, const Json& run) : file_(begun(path, run)) {}

JsonLog::JsonLog(const std::filesystem::path& path, const Json& run, int64_t resumed_after) : file_(continued(path, run, resumed_after)) {}

void JsonLog::write(const std::string& type, const Json& fields) { file_.append(line_of(stamped(type, fields))); }

std::vector<Json> read_json_log(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    require(file.good(), path.string(), ": the log cannot be read");
    std::vector<Json> records;
    for (std::string line; std::getline(file, line);) {
        if (file.eof()) break;  // no line end: the writer was killed within it
        Json record = Json::parse(line, nullptr, false);
        require(is_record(record), path.string(), ", line ", records.size() + 1, ": this is no record of a log");
        records.push_back(std::move(record));
    }
    const Json expected = "purnet-log";
    require(!records.empty() && records[0].contains("schema") && records[0]["schema"] == expected && records[0].contains("version"),
            path.string(), ": this is no log of a training run");
    const Json version = JsonLog::schema_version;
    require(records[0]["version"] == version, path.string(), ": the log has schema version ", records[0]["version"].dump(),
            ", this program reads ", JsonLog::schema_version);
    return records;
}

}  // namespace purnet
