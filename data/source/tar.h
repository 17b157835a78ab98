// The index of a .tar that is read in place: names, offsets and sizes of its regular files.
//
// Forms: POSIX ustar (1988), GNU (long names, sizes in base 256), pax (2001: path and size). Blocks of 512 bytes: a header with name, octal
// size, checksum, type and prefix, then the bytes, padded. Hard links stand for the file they name; folders, symbolic links and devices are
// left out; so are names with a part that begins with a dot. "./" in front of names is dropped. Of two entries with one name the later
// counts, as when unpacking. Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
//
// Errors name the archive: compressed (it can't be read in place), not a tar, a wrong checksum, an entry that reaches beyond the end.
#pragma once

#include <memory>
#include <vector>

#include "data/source/files.h"

namespace purnet {

std::vector<NamedFile> list_tar(const std::shared_ptr<const ByteSource>& archive);

}  // namespace purnet
