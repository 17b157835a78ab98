// What a file of weights says of itself beside the network's form: how it was trained (trained.*, validation.*), and what its maker noted
// (note.*, of export --note).
#pragma once

#include <string_view>

namespace purnet::app {

inline bool is_note(std::string_view key) {
    return key.starts_with("trained.") || key.starts_with("validation.") || key.starts_with("note.");
}

}  // namespace purnet::app
