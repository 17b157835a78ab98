// Which of the known or measured choices (choices.h) this process has computed with: what another process must take too for the same bits.
#pragma once

#include "kernels/runtime/choices.h"

namespace purnet::choices {

// Every key for which choose() has given out what was told or measured since the last know(), and what it gave; nothing of estimates.
Known used();

}  // namespace purnet::choices
