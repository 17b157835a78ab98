#include "apps/salient/shipped_weights.h"

#include "kernels/runtime/error.h"

namespace purnet {

std::filesystem::path shipped_weights() {
    namespace fs = std::filesystem;
    constexpr const char* name = "salient-light.safetensors";
    std::error_code ignored;
    const fs::path above = fs::read_symlink("/proc/self/exe", ignored).parent_path().parent_path();
    const fs::path places[] = {above / "weights" / name, above / "share/purnet" / name};
    for (const fs::path& place : places)
        if (fs::is_regular_file(place, ignored)) return place;
    fail("--weights is missing, and the weights that come with the program are neither at ", places[0].string(), " nor at ",
         places[1].string());
}

}  // namespace purnet
