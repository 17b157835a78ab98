#include "tests/emulator/engine/matrix_descriptor.h"

#include <cstring>

#include "tests/emulator/engine/monitor.h"
#include "tests/emulator/engine/tensor_map.h"

namespace purnet::emulator {
namespace {

struct Fields {
    uint32_t start, leading, stride;  // bytes
};

uint64_t bits(uint64_t value, int first, int last) { return value >> first & ((uint64_t{1} << (last - first + 1)) - 1); }

Fields decode(uint64_t d, bool across, int lines, Site site) {
    const auto bad = [&](const char* what, uint64_t value) {
        raise_at(FaultKind::bad_descriptor, site, concat("a matrix descriptor: ", what, " ", value));
    };
    if (bits(d, 62, 63) != 1) bad("only the 128-byte swizzle (1) is emulated, not", bits(d, 62, 63));
    if (bits(d, 14, 15) || bits(d, 30, 31) || bits(d, 46, 48) || bits(d, 52, 61)) bad("bits that must be 0 are set in", d);
    if (bits(d, 49, 51)) bad("only tiles at multiples of 1024 bytes are emulated, not a base offset of", bits(d, 49, 51));
    const Fields f{static_cast<uint32_t>(bits(d, 0, 13)) * 16, static_cast<uint32_t>(bits(d, 16, 29)) * 16,
                   static_cast<uint32_t>(bits(d, 32, 45)) * 16};
    // The swizzle's pattern is 8 lines of 128 bytes that begin at a multiple of 1024 bytes; 16 terms along a line are 32 bytes.
    if (f.start / 128 % 8) bad("the first line lies at no multiple of 1024 bytes:", f.start);
    if (f.start % (across ? 128 : 32)) bad("the first term does not begin at a multiple of 16 terms:", f.start);
    if (f.stride % 1024) bad("the stride offset is no multiple of 1024 bytes:", f.stride);
    if (across && lines > 64 && f.leading % 1024) bad("the leading offset is no multiple of 1024 bytes:", f.leading);
    return f;
}

// Where 8 neighbours in memory begin: along the sum terms k .. k + 7 of a line, across it lines line .. line + 7 of a term.
uint32_t address_of(const Fields& f, bool across, uint32_t line, uint32_t k) {
    const uint32_t plain = across ? f.start + line / 64 * f.leading + line % 64 * 2 + k / 8 * f.stride + k % 8 * 128
                                  : f.start + line / 8 * f.stride + line % 8 * 128 + k * 2;
    return swizzled_address(plain, 128);
}

}  // namespace

void read_matrix(uint64_t descriptor, bool across, int first, int lines, uint16_t* out, bool watched, Site site) {
    const Fields f = decode(descriptor, across, first + lines, site);
    uint16_t eight[8];
    const auto load = [&](int line, int k) {
        const char* from = shared_pointer(address_of(f, across, static_cast<uint32_t>(line), static_cast<uint32_t>(k)), 16, site);
        if (watched) monitor::async_read(from, 16, site);
        std::memcpy(eight, from, 16);
    };
    if (across) {
        for (int k = 0; k < 16; ++k)
            for (int i = 0; i < lines; i += 8) {
                load(first + i, k);
                for (int j = 0; j < 8; ++j) out[16 * (i + j) + k] = eight[j];
            }
    } else {
        for (int i = 0; i < lines; ++i)
            for (int k = 0; k < 16; k += 8) {
                load(first + i, k);
                std::memcpy(out + 16 * i + k, eight, 16);
            }
    }
}

}  // namespace purnet::emulator
