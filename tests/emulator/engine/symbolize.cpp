// Names of code addresses, through addr2line: used only for the text of a Fault.
#include <dlfcn.h>
#include <elf.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {
namespace {

// "void purnet::x::(anonymous namespace)::kernel<float>(float*, long)": the part before the parameters says enough.
std::string without_parameters(std::string name) {
    int depth = 0;
    for (size_t i = name.size(); i-- > 0;) {
        if (name[i] == ')') ++depth;
        if (name[i] == '(' && --depth == 0 && name.compare(i, 11, "(anonymous ") != 0) {
            name.resize(i);
            break;
        }
    }
    return name;
}

// From the root of the tree. Of folders called kernels there are those of the tests too: what is longer comes first.
std::string within_tree(std::string at) {
    if (const size_t note = at.find(" (discriminator"); note != std::string::npos) at.resize(note);
    for (const char* room : {"/tests/emulator/", "/tests/device/", "/kernels/"})
        if (const size_t root = at.rfind(room); root != std::string::npos) return at.substr(root + 1);
    return at;
}

bool read_line(FILE* pipe, std::string& line) {
    char text[4096];
    if (!std::fgets(text, sizeof text, pipe)) return false;
    line.assign(text, std::strcspn(text, "\n"));
    return true;
}

}  // namespace

std::string describe_code(const void* address) {
    Dl_info info{};
    char plain[32];
    std::snprintf(plain, sizeof plain, "%p", address);
#ifdef PURNET_EMULATOR_MUTANTS
    return plain;  // thousands of Faults, whose text nobody reads
#endif
    if (!dladdr(const_cast<void*>(address), &info) || !info.dli_fname || !info.dli_fbase) return plain;
    const auto* header = static_cast<const Elf64_Ehdr*>(info.dli_fbase);
    size_t offset = reinterpret_cast<size_t>(address);
    if (header->e_type == ET_DYN) offset -= reinterpret_cast<size_t>(info.dli_fbase);
    char resolved[4096];
    const char* file = info.dli_fname;
    if (std::strchr(file, '/') == nullptr || file[0] == '.') {  // the main program: the child's /proc/self is not ours
        file = realpath("/proc/self/exe", resolved);
        if (!file) return plain;
    }
    char command[4400];
    std::snprintf(command, sizeof command, "addr2line -C -f -i -e '%s' 0x%zx 2>/dev/null", file, offset);
    FILE* pipe = popen(command, "r");
    if (!pipe) return plain;
    // The innermost function first, then those that it was inlined into. A building block says what was done, its caller where: the
    // first place outside kernels/tile is the last one named.
    std::string text, function, line;
    for (bool inside = true; inside && read_line(pipe, function) && read_line(pipe, line) && function[0] != '?';) {
        line = within_tree(line);
        text += (text.empty() ? "" : ", called by ") + without_parameters(function) + " at " + line;
        inside = line.compare(0, 13, "kernels/tile/") == 0;
    }
    while (read_line(pipe, line)) {
    }  // a pipe that is closed early ends its program with a signal
    pclose(pipe);
    return text.empty() ? plain : text;
}

}  // namespace purnet::emulator
