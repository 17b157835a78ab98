#include "kernels/runtime/warning.h"

#include <atomic>
#include <cstdio>

namespace purnet {
namespace {
std::atomic<WarningSink> current = nullptr;
}

void warn_user(const std::string& sentence) {
    if (const WarningSink sink = current)
        sink(sentence);
    else
        std::fprintf(stderr, "purnet: warning: %s\n", sentence.c_str());
}

WarningSink set_warning_sink(WarningSink sink) { return current.exchange(sink); }

}  // namespace purnet
