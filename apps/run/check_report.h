// What check_data found, for people and for programs.
//
// JSON: {"schema":"purnet-check","version":1,"errors":2,"warnings":1,
//        "splits":[{"name":"train","pairs":100,"sources":["..."],"found":["sets/a: 100 pairs (images/ + masks/)"]}],
//        "counts":{"leak":2,"empty-mask":1},
//        "findings":[{"fault":"leak","severity":"error","files":[{"split":"train","file":"..."},...],"detail":"the same pixels"}]}
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/check/check.h"

namespace purnet {

// What was read, then each kind of fault with its number and the first `shown` files, then the sums.
std::string text_of(const CheckResult& result, size_t shown);

nlohmann::ordered_json json_of(const CheckResult& result, const std::vector<Split>& splits);

}  // namespace purnet
