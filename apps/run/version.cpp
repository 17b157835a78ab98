#include "apps/run/version.h"

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include <oneapi/dnnl/dnnl.h>
#include <CLI/Version.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kernels/runtime/error.h"
#include "kernels/runtime/isa.h"
#include "kernels/runtime/parallel.h"

namespace purnet {
namespace {

std::string processor_name() {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        const size_t colon = line.find(": ");
        if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
    }
    return "unknown processor";
}

}  // namespace

std::string program_version() { return PURNET_VERSION; }

std::string build_description() {
#if defined(__clang__)
    const std::string compiler = "clang++ " __clang_version__;
#else
    const std::string compiler = "g++ " __VERSION__;
#endif
    return compiler + ", " PURNET_BUILD_FLAGS;
}

std::string processor_description() {
    const CpuFeatures& cpu = cpu_features();
    std::string has;
    const std::pair<bool, const char*> features[] = {
        {cpu.avx2, "avx2"}, {cpu.avx512, "avx512"}, {cpu.avx512_vnni, "vnni"}, {cpu.avx512_bf16, "bf16"}, {cpu.amx, "amx"}};
    for (const auto& [present, name] : features)
        if (present) has += std::string(has.empty() ? "" : ", ") + name;
    return processor_name() + "; " + name_of(isa()) + " in use (the machine has " + (has.empty() ? "the baseline" : has) + "), " +
           std::to_string(thread_count()) + (thread_count() == 1 ? " thread" : " threads");
}

std::string library_versions() {
    const dnnl_version_t* dnnl = dnnl_version();
    std::string out = concat("oneDNN ", dnnl->major, ".", dnnl->minor, ".", dnnl->patch);
    out += concat(", libpng ", png_get_libpng_ver(nullptr));
#if defined(LIBJPEG_TURBO_VERSION_NUMBER)
    out += concat(", libjpeg-turbo ", LIBJPEG_TURBO_VERSION_NUMBER / 1000000, ".", LIBJPEG_TURBO_VERSION_NUMBER / 1000 % 1000, ".",
                  LIBJPEG_TURBO_VERSION_NUMBER % 1000);
#else
    out += concat(", libjpeg ", JPEG_LIB_VERSION / 10);
#endif
    out += concat(", zlib ", zlibVersion(), ", CLI11 " CLI11_VERSION ", nlohmann-json ", NLOHMANN_JSON_VERSION_MAJOR, ".",
                  NLOHMANN_JSON_VERSION_MINOR, ".", NLOHMANN_JSON_VERSION_PATCH);
    return out;
}

std::vector<std::string> command_words() {
    std::ifstream file("/proc/self/cmdline", std::ios::binary);
    std::vector<std::string> words;
    for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
    return words;
}

}  // namespace purnet
