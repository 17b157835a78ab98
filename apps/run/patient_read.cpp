#include "apps/run/patient_read.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "kernels/runtime/error.h"

namespace purnet {

size_t patient_read(int file, uint8_t* to, size_t wanted, const std::string& name, const std::function<bool()>& ended) {
    size_t have = 0;
    while (have < wanted && !ended()) {
        pollfd poll{file, POLLIN, 0};
        const int ready = ::poll(&poll, 1, 200);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        const ssize_t got = ::read(file, to + have, wanted - have);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        require(got >= 0, name, " cannot be read: ", std::strerror(errno));
        if (got == 0) break;
        have += static_cast<size_t>(got);
    }
    return have;
}

std::vector<uint8_t> patient_read_all(int file, size_t most, const std::string& name, const std::function<bool()>& ended) {
    constexpr size_t piece = 1 << 20;
    std::vector<uint8_t> bytes;
    for (;;) {
        const size_t have = bytes.size();
        require(have <= most, name, ": more than ", most >> 20, " MiB are no picture");
        bytes.resize(have + piece);
        const size_t got = patient_read(file, bytes.data() + have, piece, name, ended);
        bytes.resize(have + got);
        if (got < piece) return bytes;
    }
}

}  // namespace purnet
