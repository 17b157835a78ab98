// REFUSED(expression, "part of the message"): the expression must throw purnet::Error whose one line contains that part.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "kernels/runtime/error.h"

namespace purnet::test {

// The message, or a text that no message contains when nothing was thrown.
template <class Body>
std::string message_of(Body&& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "\x01(nothing was thrown)";
}

}  // namespace purnet::test

#define REFUSED(expression, part)                                                             \
    do {                                                                                      \
        const std::string message_ = ::purnet::test::message_of([&] { (void)(expression); }); \
        INFO("message: " << message_);                                                        \
        CHECK(message_.find(part) != std::string::npos);                                      \
        CHECK(message_.find('\n') == std::string::npos);                                      \
    } while (false)
