// A folder of a test's own, removed with everything in it when the test ends.
#pragma once

#include "apps/run/temporary_folder.h"

namespace purnet::test {

using purnet::TemporaryFolder;

}  // namespace purnet::test
