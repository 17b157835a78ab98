// Names of code addresses, through addr2line: used only for the text of a Fault.
#include <dlfcn.h>
#include <elf.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/emulator/engine/engine.h"

namespace purnet::emulator {

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
    char command[4400];
    const bool main_program = std::strchr(info.dli_fname, '/') == nullptr || info.dli_fname[0] == '.';
    std::snprintf(command, sizeof command, "addr2line -C -f -e '%s' 0x%zx 2>/dev/null", main_program ? "/proc/self/exe" : info.dli_fname,
                  offset);
    char resolved[4096];
    if (main_program) {  // the child's /proc/self is not ours
        char* path = realpath("/proc/self/exe", resolved);
        if (!path) return plain;
        std::snprintf(command, sizeof command, "addr2line -C -f -e '%s' 0x%zx 2>/dev/null", resolved, offset);
    }
    FILE* pipe = popen(command, "r");
    if (!pipe) return plain;
    char function[2048] = "", line[2048] = "";
    const bool read = std::fgets(function, sizeof function, pipe) && std::fgets(line, sizeof line, pipe);
    pclose(pipe);
    if (!read || function[0] == '?') return plain;
    std::string name(function, std::strcspn(function, "\n"));
    std::string at(line, std::strcspn(line, "\n"));
    // "void purnet::x::(anonymous namespace)::kernel<float>(float*, long)": the part before the parameters says enough.
    int depth = 0;
    size_t end = name.size();
    for (size_t i = name.size(); i-- > 0;) {
        if (name[i] == ')') ++depth;
        if (name[i] == '(' && --depth == 0 && name.compare(i, 11, "(anonymous ") != 0) {
            end = i;
            break;
        }
    }
    name.resize(end);
    if (const size_t note = at.find(" (discriminator"); note != std::string::npos) at.resize(note);
    if (const size_t root = at.rfind("/kernels/"); root != std::string::npos) at.erase(0, root + 1);
    if (const size_t root = at.rfind("/tests/emulator/"); root != std::string::npos) at.erase(0, root + 1);
    return name + " at " + at;
}

}  // namespace purnet::emulator
