// What a message says of where it happened.
#include "kernels/runtime/scope.h"

#include <doctest/doctest.h>

namespace purnet {

TEST_CASE("scope: the innermost op with its shapes, or with those of the op whose part it is") {
    CHECK(scope_text().empty());
    const LayerScope layer("decoder.up1");
    CHECK(scope_text() == "layer decoder.up1");
    const auto shapes = [] { return std::string("2x3 -> 1"); };
    const OpScope outer("entropy", shapes);
    CHECK(scope_text() == "entropy (2x3 -> 1) in layer decoder.up1");
    const OpScope part("sum");
    CHECK(scope_text() == "sum in entropy (2x3 -> 1) in layer decoder.up1");
    const OpScope rows("rows");
    CHECK(scope_text() == "rows in sum in entropy (2x3 -> 1) in layer decoder.up1");
    const auto own = [] { return std::string("7 elements"); };
    const OpScope known("copy", own);
    CHECK(scope_text() == "copy (7 elements) in layer decoder.up1");
}

}  // namespace purnet
