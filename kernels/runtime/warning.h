// What the user should hear of although nothing failed: one sentence, on stderr unless a program has a console of its own.
#pragma once

#include <string>

namespace purnet {

void warn_user(const std::string& sentence);
// The same, but each sentence once in a process.
void warn_user_once(const std::string& sentence);
// Returns the one before; null: stderr.
using WarningSink = void (*)(const std::string& sentence);
WarningSink set_warning_sink(WarningSink sink);

}  // namespace purnet
