// NVIDIA's libraries on the device, where they are installed: what they compute equals our own kernels, on integers that every order of
// sums gives exactly.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "kernels/conv2d/conv2d_libraries.h"
#include "kernels/runtime/accelerators.h"
#include "kernels/runtime/memory.h"
#include "tests/device/place.h"

namespace purnet::test {
namespace {

using conv2d::Pass;
using conv2d::Problem;

template <class T>
Block on_device(const Device& device, int64_t count, uint64_t seed) {
    std::vector<T> values(static_cast<size_t>(count));
    for (T& v : values) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        v = T(seed >> 62 ? 0.0f : static_cast<float>(static_cast<int>(seed >> 59 & 7) % 3 - 1));
    }
    Block block(device, values.size() * sizeof(T));
    copy_bytes(block.data(), device, values.data(), Device{}, block.bytes());
    return block;
}

std::vector<unsigned char> bytes_of(const Block& block) {
    std::vector<unsigned char> bytes(block.bytes());
    copy_bytes(bytes.data(), Device{}, block.data(), block.device(), bytes.size());
    return bytes;
}

template <class T>
void check_pass(const Problem& p, Pass pass) {
    const Key key{DeviceType::cuda, dtype_of<T>};
    const Context context{place().device, nullptr};
    INFO("pass ", static_cast<int>(pass), " ", name_of(key.dtype), " c ", p.c, " o ", p.o, " k ", p.kh, " s ", p.stride, " g ", p.groups);
    const Block x = on_device<T>(context.device, p.x_count(), 1), weight = on_device<T>(context.device, p.weight_count(), 2),
                y = on_device<T>(context.device, p.y_count(), 3);
    const size_t count = static_cast<size_t>(pass == Pass::forward         ? p.y_count() * int64_t{sizeof(T)}
                                             : pass == Pass::backward_data ? p.x_count() * int64_t{sizeof(T)}
                                                                           : p.weight_count() * int64_t{sizeof(float)});
    const Block own(context.device, count), other(context.device, count);
    const Block scratch(context.device, std::max(conv2d::workspace(key, p, pass), conv2d::implicit::library_workspace));
    const conv2d::Kernels& kernels = *conv2d::table().find(key);
    const void *first = pass == Pass::backward_data ? y.data() : x.data(),
               *second = pass == Pass::backward_weights ? y.data() : weight.data();
    if (pass == Pass::forward)
        kernels.forward(p, first, second, nullptr, own.data(), scratch.data(), context);
    else if (pass == Pass::backward_data)
        kernels.backward_data(p, first, second, own.data(), scratch.data(), context);
    else
        kernels.backward_weights(p, first, second, own.data(), nullptr, scratch.data(), context);
    for (const conv2d::implicit::Library library : conv2d::implicit::libraries_for(p, pass, key.dtype)) {
        INFO(conv2d::implicit::name_of(library));
        if (!has_kernel(library, p, pass, key.dtype)) {
            MESSAGE("has no kernel for it");
            continue;
        }
        fill_bytes(other.data(), context.device, 0xff, count);
        REQUIRE(run_by(library, p, pass, key.dtype, first, second, other.data(), scratch.data(), context));
        CHECK(bytes_of(other) == bytes_of(own));
    }
}

}  // namespace

TEST_CASE("device libraries: cuBLASLt and cuDNN compute what our own kernels compute") {
    bool any = false;
    for (const LibraryReport& library : accelerator_libraries()) {
        MESSAGE(library.name, ": ", library.version.empty() ? "absent" : library.version, ", ", library.detail);
        any = any || !library.version.empty();
    }
    if (!any) {
        MESSAGE("skipped: neither library is on this machine");
        return;
    }
    for (const Problem& p : {Problem{.n = 2, .h = 20, .w = 20, .c = 64, .o = 32}, Problem{.h = 7, .w = 5, .c = 8, .o = 24},
                             Problem{.n = 2, .h = 20, .w = 20, .c = 32, .o = 64, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}},
                             Problem{.h = 21, .w = 20, .c = 16, .o = 16, .kh = 3, .kw = 3, .stride = 2, .pads = {1, 1, 1, 1}},
                             Problem{.h = 20, .w = 20, .c = 32, .o = 32, .kh = 3, .kw = 3, .pads = {2, 2, 2, 2}, .dilation = 2},
                             Problem{.h = 20, .w = 20, .c = 32, .o = 32, .kh = 3, .kw = 3, .pads = {1, 1, 1, 1}, .groups = 32}})
        for (const Pass pass : {Pass::forward, Pass::backward_data, Pass::backward_weights}) {
            check_pass<float>(p, pass);
            check_pass<bf16>(p, pass);
        }
}

}  // namespace purnet::test
