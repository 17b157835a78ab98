#include "kernels/runtime/accelerators.h"

#include <atomic>
#include <charconv>
#include <optional>
#include <utility>

#include "kernels/runtime/error.h"

namespace purnet {
namespace {

Accelerators& registered() {
    static Accelerators accelerators;
    return accelerators;
}

// The N of "cuda:N".
std::optional<int> index_of(const std::string& name) {
    if (!name.starts_with("cuda:")) return std::nullopt;
    int index = 0;
    const char* const end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + 5, end, index);
    if (error != std::errc() || rest != end || index < 0) return std::nullopt;
    return index;
}

std::string absence() {
    const Accelerators& all = registered();
    return all.count ? all.absence() : "this program was built without CUDA";
}

// The first device that can be used; else why there is none.
std::optional<int> first_usable(std::string& why_none) {
    const Accelerators& all = registered();
    const int count = all.count ? all.count() : 0;
    if (count == 0) why_none = absence();
    for (int i = 0; i < count; ++i) {
        const std::string objection = all.objection(i);
        if (objection.empty()) return i;
        why_none += concat(why_none.empty() ? "" : "; ", name_of({DeviceType::cuda, i}), " ", objection);
    }
    return std::nullopt;
}

std::atomic<int> chosen{-1};

DeviceChoice select(int index, const std::string& why) {
    const Device device{DeviceType::cuda, index};
    int before = -1;
    require(chosen.compare_exchange_strong(before, index) || before == index, "this process computes on ",
            name_of({DeviceType::cuda, before}), " already: start another one for ", name_of(device));
    return {device, concat(name_of(device), " (", registered().describe(index), "), ", why)};
}

}  // namespace

Accelerators register_accelerators(const Accelerators& accelerators) { return std::exchange(registered(), accelerators); }

int chosen_accelerator() { return chosen; }

std::string chosen_accelerator_text() {
    const Accelerators& all = registered();
    if (chosen < 0) return "";
    std::string text = concat(all.describe(chosen), all.versions ? "; " + all.versions() : std::string());
    for (const LibraryReport& library : accelerator_libraries())
        if (!library.version.empty()) text += concat("; ", library.name, " ", library.version);
    return text;
}

std::vector<LibraryReport> accelerator_libraries() {
    const Accelerators& all = registered();
    return all.libraries ? all.libraries() : std::vector<LibraryReport>();
}

bool is_device_name(const std::string& name) { return name == "auto" || name == "cpu" || name == "cuda" || index_of(name).has_value(); }

DeviceChoice choose_device(const std::string& wanted) {
    require(is_device_name(wanted), "device '", wanted, "': use auto, cpu, cuda or cuda:N");
    if (wanted == "cpu") return {{}, "the CPU, as asked"};
    if (const std::optional<int> index = index_of(wanted)) {
        const Accelerators& all = registered();
        const int count = all.count ? all.count() : 0;
        require(count > 0, wanted, ": there is no CUDA device: ", absence());
        require(*index < count, wanted, ": there is no such device: cuda:0 to cuda:", count - 1, " are there");
        const std::string objection = all.objection(*index);
        require(objection.empty(), wanted, " ", objection);
        return select(*index, "as asked");
    }
    std::string why_none;
    if (const std::optional<int> index = first_usable(why_none))
        return select(*index, wanted == "auto" ? "the first that can be used" : "as asked");
    require(wanted == "auto", wanted, ": there is no CUDA device that can be used: ", why_none);
    return {{}, "the CPU: " + why_none};
}

}  // namespace purnet
