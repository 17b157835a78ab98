// The layer that computes right now (scope.h), for those who name it again later: a tape, whose backward comes when the scope is gone.
#pragma once

namespace purnet {

// The innermost LayerScope's name as it was given, or null outside every layer.
const char* current_layer();

}  // namespace purnet
