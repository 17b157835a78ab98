// Reading a pipe without being held by it: a signal that asks to stop, or anything else, ends the wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace purnet {

// Bytes read, fewer than wanted at the end of the input or once `ended` (asked several times a second) is true. `name` begins the Error of
// a failing read.
size_t patient_read(int file, uint8_t* to, size_t wanted, const std::string& name, const std::function<bool()>& ended);

// Everything up to the end, or until `ended`. More than `most` bytes are an Error.
std::vector<uint8_t> patient_read_all(int file, size_t most, const std::string& name, const std::function<bool()>& ended);

}  // namespace purnet
