// Where a program may keep what it can make again.
#pragma once

#include <filesystem>
#include <string>

namespace purnet {

// $PURNET_HOME/cache/NAME, else $XDG_CACHE_HOME/purnet/NAME, else $HOME/.cache/purnet/NAME. Relative values of these variables don't count
// (XDG Base Directory Specification 0.8). Error: none of them is set.
std::filesystem::path user_cache(const std::string& name);

}  // namespace purnet
