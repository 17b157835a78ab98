#include <algorithm>
#include <string>

#include "tests/fuzz/fuzz.h"

namespace purnet::fuzz {
namespace {

struct Range {
    size_t begin, size;
};

// A place in the file and a length, mostly short.
Range range_in(const Bytes& file, Random& random) {
    const size_t begin = random.below(file.size() + 1);
    const size_t longest = file.size() - begin;
    const size_t size = random.below(4) ? random.below(std::min<size_t>(longest, 16) + 1) : random.below(longest + 1);
    return {begin, size};
}

auto at(Bytes& file, size_t position) { return file.begin() + static_cast<std::ptrdiff_t>(position); }
auto at(const Bytes& file, size_t position) { return file.begin() + static_cast<std::ptrdiff_t>(position); }

Bytes copy_of(const Bytes& file, Range range) { return {at(file, range.begin), at(file, range.begin + range.size)}; }

void flip_bits(Bytes& file, Random& random) {
    for (uint64_t i = 1 + random.below(8); i > 0 && !file.empty(); --i)
        file[random.below(file.size())] ^= static_cast<uint8_t>(1u << random.below(8));
}

void set_byte(Bytes& file, Random& random) {
    static constexpr uint8_t telling[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff, ' ', '-', '0', '9'};
    if (!file.empty())
        file[random.below(file.size())] = random.below(3) ? telling[random.below(sizeof telling)] : static_cast<uint8_t>(random.next());
}

uint64_t telling_number(uint64_t was, uint64_t file_size, Random& random) {
    switch (random.below(12)) {
        case 0: return 0;
        case 1: return was + 1;
        case 2: return was - 1;
        case 3: return was * 2;
        case 4: return was / 2;
        case 5: return ~uint64_t{0};
        case 6: return uint64_t{1} << random.below(64);
        case 7: return (uint64_t{1} << random.below(64)) - 1;
        case 8: return file_size;
        case 9: return file_size - was;
        case 10: return was ^ (uint64_t{0xff} << (8 * random.below(8)));
        default: return random.next();
    }
}

// A binary number of 1, 2, 4 or 8 bytes in either byte order.
void edit_number(Bytes& file, Random& random) {
    const size_t width = size_t{1} << random.below(4);
    if (file.size() < width) return;
    size_t position = random.below(file.size() - width + 1);
    if (random.below(2)) position -= position % width;
    const bool big = random.below(2) != 0;
    const auto byte = [&](size_t i) -> uint8_t& { return file[position + (big ? width - 1 - i : i)]; };
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) value |= uint64_t{byte(i)} << (8 * i);
    value = telling_number(value, file.size(), random);
    for (size_t i = 0; i < width; ++i) byte(i) = static_cast<uint8_t>(value >> (8 * i));
}

// A number written in digits; the file may grow or shrink by it.
void edit_digits(Bytes& file, Random& random) {
    const auto digit = [](uint8_t c) { return c >= '0' && c <= '9'; };
    const auto begin = std::find_if(at(file, random.below(file.size() + 1)), file.end(), digit);
    const auto end = std::find_if_not(begin, file.end(), digit);
    if (begin == file.end()) return;
    uint64_t value = 0;
    for (auto c = begin; c != end; ++c) value = value * 10 + (*c - '0');
    const std::string text = (random.below(16) ? "" : "-") + std::to_string(telling_number(value, file.size(), random));
    const auto place = file.erase(begin, end);
    file.insert(place, text.begin(), text.end());
}

void truncate(Bytes& file, Random& random) { file.resize(random.below(file.size() + 1)); }

void remove_range(Bytes& file, Random& random) {
    const Range range = range_in(file, random);
    file.erase(at(file, range.begin), at(file, range.begin + range.size));
}

void duplicate_range(Bytes& file, Random& random) {
    const Range range = range_in(file, random);
    const Bytes part = copy_of(file, range);
    const size_t times = random.below(8) ? 1 : 1 + random.below(64);
    const size_t to = random.below(2) ? range.begin : random.below(file.size() + 1);
    for (size_t i = 0; i < times && file.size() < (size_t{1} << 20); ++i) file.insert(at(file, to), part.begin(), part.end());
}

void overwrite(Bytes& file, const Bytes& from, Random& random) {
    const Range range = range_in(from, random);
    const size_t to = random.below(file.size() + 1);
    const size_t size = std::min(range.size, file.size() - to);
    const Bytes part = copy_of(from, {range.begin, size});
    std::copy(part.begin(), part.end(), at(file, to));
}

// The head of one file with the tail of another.
void splice(Bytes& file, const Bytes& other, Random& random) {
    file.resize(random.below(file.size() + 1));
    file.insert(file.end(), at(other, random.below(other.size() + 1)), other.end());
}

void insert_noise(Bytes& file, Random& random) {
    Bytes noise(1 + random.below(16));
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random.next());
    file.insert(at(file, random.below(file.size() + 1)), noise.begin(), noise.end());
}

}  // namespace

uint64_t Random::next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void mutate(Bytes& file, const Bytes& other, Random& random) {
    for (uint64_t i = 1 + random.below(2) * random.below(4); i > 0; --i) {
        switch (random.below(16)) {
            case 0:
            case 1: flip_bits(file, random); break;
            case 2: set_byte(file, random); break;
            case 3:
            case 4:
            case 5:
            case 6: edit_number(file, random); break;
            case 7:
            case 8:
            case 9: edit_digits(file, random); break;
            case 10: truncate(file, random); break;
            case 11: remove_range(file, random); break;
            case 12: duplicate_range(file, random); break;
            case 13: overwrite(file, random.below(2) ? file : other, random); break;
            case 14: splice(file, other, random); break;
            default: insert_noise(file, random); break;
        }
    }
}

}  // namespace purnet::fuzz
