// The published state dict as files: safetensors, PyTorch's zip form, its older pickle form. tools/rule_weights.py of the shared
// material writes them; PURNET_RULE_WEIGHTS names their folder.
#include <cstdlib>

#include "core/formats/safetensors.h"
#include "core/formats/weights_file.h"
#include "nets/name_maps.h"
#include "tests/support/network_goldens.h"
#include "tests/support/rule_parameters.h"
#include "tests/support/temporary_folder.h"

namespace purnet {

TEST_CASE("weights files: a network goes through safetensors and comes back under the same names, equal to the bit") {
    const test::TemporaryFolder folder;
    PurNetConfig config;
    config.width = 16;
    config.ablation = Ablation::pm;
    PurNet net(config);
    test::fill_by_rule(net.parameters());
    const NamedArrays state = weights_of(net, 3);
    write_safetensors(folder / "w.safetensors", state);
    const auto back = network_of(load_named_arrays(folder / "w.safetensors"), "w.safetensors");
    CHECK(back->config() == config);
    const NamedArrays again = state_of(back->parameters(), 3);
    REQUIRE(again.size() == state.size());
    for (size_t i = 0; i < state.size(); ++i) {
        CHECK(again[i].name == state[i].name);
        CHECK(again[i].array.bytes == state[i].array.bytes);
    }
}

TEST_CASE("weights files: the published state dict in every form of file") {
    const char* set = std::getenv("PURNET_RULE_WEIGHTS");
    if (!set || !*set) {
        MESSAGE("skipped: PURNET_RULE_WEIGHTS is not set");
        return;
    }
    int files = 0;
    for (const char* name : {"rule.safetensors", "rule.pth", "rule.legacy.pth", "rule_half.safetensors", "rule_half.pth"}) {
        const auto path = std::filesystem::path(set) / name;
        if (!std::filesystem::exists(path)) continue;
        CAPTURE(std::string(name));
        ++files;
        const auto net = network_of(load_named_arrays(path), name);
        CHECK(net->config() == PurNetConfig{});
        const double tolerance = std::string_view(name).find("half") == std::string_view::npos ? 0 : 0x1p-11;
        for (const Parameter& p : net->parameters().all()) {
            const std::vector<double> wanted = test::rule_values(p.name, file_shape(p).vector());
            const double off = test::relative_to_largest(to_file_order(p, p.value.to_doubles()), wanted);
            CHECK_MESSAGE(off <= tolerance, p.name << ": " << off);
        }
    }
    CHECK(files > 0);
}

}  // namespace purnet
