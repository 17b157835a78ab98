// Errors: one sentence a user understands: what, where (file, layer path, shape), and what to do.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace purnet {

class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

template <class... Parts>
std::string concat(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return out.str();
}

// Throws Error with the parts written one after the other.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
    throw Error(concat(parts...));
}

template <class... Parts>
void require(bool condition, const Parts&... parts) {
    if (!condition) fail(parts...);
}

}  // namespace purnet
