// The parts of a purificatory network that losses move separately, told apart by the names of their parameters.
#pragma once

#include <initializer_list>
#include <string_view>

namespace purnet {

enum class Part : unsigned {
    extractor = 1,      // layer0 .. layer4, vgg., lite0.
    main = 2,           // the decoder without prefix, its classifiers and what stands between them
    promotion = 4,      // oa_
    rectification = 8,  // ea_
};

class Parts {
public:
    constexpr Parts() = default;
    constexpr Parts(std::initializer_list<Part> parts) {
        for (const Part part : parts) bits_ |= static_cast<unsigned>(part);
    }
    static constexpr Parts all() { return {Part::extractor, Part::main, Part::promotion, Part::rectification}; }

    constexpr bool has(Part part) const { return bits_ & static_cast<unsigned>(part); }
    constexpr Parts operator|(Parts other) const {
        Parts both;
        both.bits_ = bits_ | other.bits_;
        return both;
    }
    constexpr bool operator==(const Parts&) const = default;

private:
    unsigned bits_ = 0;
};

constexpr Part part_of(std::string_view parameter) {
    if (parameter.starts_with("layer") || parameter.starts_with("vgg.") || parameter.starts_with("lite0.")) return Part::extractor;
    if (parameter.starts_with("oa_")) return Part::promotion;
    if (parameter.starts_with("ea_")) return Part::rectification;
    return Part::main;
}

}  // namespace purnet
