// Everything a network has to say about one picture, for looking: maps of all levels, attentions, error maps.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "nets/purnet.h"

namespace purnet {

// Maps of every level, for looking: each `side` squared, row by row.
struct Maps {
    int side = 0;
    std::vector<float> map;                                    // sigmoid(z_1)
    std::array<std::vector<float>, 5> levels;                  // sigmoid(z_i)
    std::array<std::vector<float>, 5> promotion;               // A_P, mean over channels; empty where the form has none
    std::array<std::vector<float>, 5> rectification;           // |A_R|, mean over channels
    std::array<std::vector<float>, 5> error;                   // tanh(z_E,i)
    std::array<int, 5> attention_height{}, attention_width{};  // of promotion and rectification
};

// The picture's bytes at side squared, rows from the top, R,G,B interleaved. Running statistics are used, nothing is recorded.
Maps inspect(const PurNet& net, const uint8_t* rgb, int side);

}  // namespace purnet
