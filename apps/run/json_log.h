// log.jsonl: one JSON object a line. The first describes the run and carries the schema's version; every later one has "type"
// (train, val, event, ...), "time" (seconds since 1970) and what its writer puts in, such as "step". NaN is written as null.
//
//     {"type":"run","schema":"purnet-log","version":1,"time":...,"program":...,"command":[...],"config":{...},...}
//     {"type":"train","time":...,"step":20,"loss":0.61,...}
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/run/append_file.h"

namespace purnet {

using Json = nlohmann::ordered_json;

class JsonLog {
public:
    static constexpr int schema_version = 1;

    // A new log whose first record is `run` and the fields above; an existing file is replaced.
    JsonLog(const std::filesystem::path& path, const Json& run);
    // An existing log is continued: records with a "step" beyond `resumed_after` are dropped, as is what is no record (a half-written line,
    // what a power cut left), and a record of type "resume" with the fields of `run` follows. Where there is none, a new one begins.
    JsonLog(const std::filesystem::path& path, const Json& run, int64_t resumed_after);

    void write(const std::string& type, const Json& fields);
    bool flush() { return file_.flush(); }

private:
    AppendFile file_;
};

// Every whole record of a log; Error when the first is not that of a log this program can read.
std::vector<Json> read_json_log(const std::filesystem::path& path);

}  // namespace purnet
