// What the user may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace purnet {

// Steps from a to b: a letter put in, left out, changed, or two neighbours swapped (optimal string alignment).
int edit_distance(std::string_view a, std::string_view b);

// The known name nearest to `name`, or "" when none is near: at most a third of the letters differ, at most four, or one of
// the two is the beginning of the other (at least three letters). Of equally near ones the first.
std::string nearest_name(std::string_view name, const std::vector<std::string>& known);

// "; did you mean 'X'?" or "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& known);

}  // namespace purnet
