#include "kernels/runtime/warning.h"

#include <atomic>
#include <cstdio>
#include <mutex>
#include <set>

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

void warn_user_once(const std::string& sentence) {
    static std::mutex mutex;
    static auto* said = new std::set<std::string>;
    {
        std::lock_guard lock(mutex);
        if (!said->insert(sentence).second) return;
    }
    warn_user(sentence);
}

WarningSink set_warning_sink(WarningSink sink) { return current.exchange(sink); }

}  // namespace purnet
