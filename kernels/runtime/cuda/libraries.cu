#include "kernels/runtime/cuda/libraries.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <sstream>

#include "kernels/runtime/error.h"

namespace purnet::cuda {
namespace {

struct Search {
    std::mutex mutex;
    std::optional<std::string> only;
    int number = 0;
};

Search& search() {
    static Search the_search;
    return the_search;
}

std::string variable(const char* name) {
    const char* const value = std::getenv(name);
    return value ? value : "";
}

// Toolkits; the packages nvidia-cublas and nvidia-cudnn of CUDA 12 and 13, seen from site-packages and from its nvidia.
constexpr const char* inside[] = {
    "", "lib", "lib64", "cublas/lib", "cudnn/lib", "cu13/lib", "nvidia/cublas/lib", "nvidia/cudnn/lib", "nvidia/cu13/lib", "torch/lib"};

void add_folders(std::vector<std::string>& list, const std::string& folders) {
    std::istringstream text(folders);
    for (std::string folder; std::getline(text, folder, ':');)
        if (!folder.empty())
            for (const char* const below : inside) list.push_back((std::filesystem::path(folder) / below / "").string());
}

// Each ends with '/', but "": where the loader looks.
std::vector<std::string> places() {
    std::vector<std::string> list;
    std::lock_guard lock(search().mutex);
    if (search().only) {
        add_folders(list, *search().only);
        return list;
    }
    const std::string wanted = variable("PURNET_LIBRARIES");
    if (wanted == "none") return list;
    add_folders(list, wanted);
    list.push_back("");
    for (const char* const name : {"CUDA_HOME", "CUDA_PATH", "CUDNN_PATH"}) add_folders(list, variable(name));
    add_folders(list, "/usr/local/cuda");
    return list;
}

}  // namespace

void* OpenLibrary::symbol(const char* name) const { return handle ? dlsym(handle, name) : nullptr; }

OpenLibrary open_library(const std::vector<std::string>& names) {
    OpenLibrary library;
    for (const std::string& place : places())
        for (const std::string& name : names) {
            std::error_code error;
            const std::string file = place + name;
            if (!place.empty() && !std::filesystem::exists(file, error)) continue;
            library.handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
            if (library.handle) {
                library.file = file;
                library.absence.clear();
                return library;
            }
            // A file that is there and cannot be opened says more than a name that the loader does not know.
            const char* const words = dlerror();
            if (library.absence.empty() || !place.empty()) library.absence = words ? words : file + " cannot be opened";
        }
    if (library.absence.empty()) library.absence = concat("there is no ", names.front(), " where it was looked for");
    return library;
}

void look_for_libraries_in(const std::string& folders) {
    std::lock_guard lock(search().mutex);
    search().only = folders;
    ++search().number;
}

int library_search() {
    std::lock_guard lock(search().mutex);
    return search().number;
}

}  // namespace purnet::cuda
